/**
 * What was read for one call, as it is recorded in `decision.inputs`, and back for replay. What `readInputs` gives is
 * all that a decision is made from besides the request and the policy, so what `recordInputs` leaves of it decides the
 * same.
 */
import type { Json, JsonObject } from '../json.ts';
import { LIMITS } from '../limits.ts';
import {
  isInstant,
  isObject,
  isText,
  readBudget,
  readGrant,
  readIdentity,
  readKill,
  readPrincipal,
  readWindows,
} from './inputs-parts.ts';
import type { DecisionInputs } from './types.ts';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Plain data that JSON takes as it is; an interface has no index signature to say so. */
const asJson = (value: object): JsonObject => value as JsonObject;

/** Everything `decide` was given besides request and policy, and what the layers read from the policy for this call. */
export function recordInputs(inputs: DecisionInputs, read: JsonObject | undefined): JsonObject {
  const { decided_at, identity, principal, addresses, allow_observe, facts, kill, windows, budget, grant } =
    inputs;
  const out: Record<string, Json | undefined> = { decided_at, identity: asJson(identity) };
  if (principal !== undefined) out.principal = asJson(principal);
  if (addresses !== undefined) out.addresses = addresses;
  if (allow_observe === true) out.allow_observe = true;
  if (facts !== undefined) out.facts = facts;
  if (kill !== undefined) out.kill = asJson(kill) as unknown as Json;
  if (windows !== undefined) out.windows = asJson(windows);
  if (budget !== undefined) out.budget = asJson(budget);
  if (grant !== undefined) out.grant = asJson(grant);
  return read === undefined ? out : Object.assign(out, read);
}

const encoder = new TextEncoder();

/** The most bytes that one UTF-16 unit takes in JSON: a control character as \u0000. */
const UNIT_BYTES = 6;
/** Quotes, brackets, colon and comma around a value, and `false`. */
const AROUND_BYTES = 16;
/** The longest number in JSON: -1.2345678901234567e-308. */
const NUMBER_BYTES = 26;
/** identity → delegation → hand → scopes → scope. */
const LEVELS = 6;

/** Text that JSON writes as it is. */
const PLAIN_TEXT = /^[ !#-[\]-~]*$/;

const textBytes = (text: string): number => text.length * (PLAIN_TEXT.test(text) ? 1 : UNIT_BYTES);

/** An upper bound of a value's size; infinity below the levels, where measuring costs as much as serialising. */
function roughBytes(value: unknown, levels: number): number {
  if (typeof value === 'string') return AROUND_BYTES + textBytes(value);
  if (typeof value === 'number') return AROUND_BYTES + NUMBER_BYTES;
  if (typeof value !== 'object' || value === null) return AROUND_BYTES;
  if (levels === 0) return Number.POSITIVE_INFINITY;
  let bytes = AROUND_BYTES;
  for (const key in value)
    bytes += textBytes(key) + roughBytes((value as Record<string, unknown>)[key], levels - 1);
  return bytes;
}

/** True when the entry has room for them. Most are far below the limit and need no serialising to see it. */
export function inputsFit(recorded: { readonly [name: string]: unknown }): boolean {
  if (roughBytes(recorded, LEVELS) <= LIMITS.decisionInputsBytes) return true;
  return encoder.encode(JSON.stringify(recorded)).length <= LIMITS.decisionInputsBytes;
}

/** The members that not every call has. False: one of them is not what it has to be. */
function readRest(from: { readonly [member: string]: unknown }, out: Mutable<DecisionInputs>): boolean {
  const { principal, kill, windows, budget, grant } = from;
  if (principal !== undefined) {
    const read = readPrincipal(principal);
    if (read === undefined) return false;
    out.principal = read;
  }
  if (kill !== undefined) {
    const read = readKill(kill);
    if (read === undefined) return false;
    out.kill = read;
  }
  if (windows !== undefined) {
    const read = readWindows(windows);
    if (read === undefined) return false;
    out.windows = read;
  }
  if (budget !== undefined) {
    const read = readBudget(budget);
    if (read === undefined) return false;
    out.budget = read;
  }
  if (grant !== undefined) {
    const read = readGrant(grant);
    if (read === undefined) return false;
    out.grant = read;
  }
  return true;
}

/**
 * Inputs from anything: from the caller (whose types may not hold at run time) and from a recorded decision. Undefined
 * when something that a layer could read is not what it has to be. What the layers added is left out.
 */
export function readInputs(value: unknown): DecisionInputs | undefined {
  if (!isObject(value)) return undefined;
  const identity = readIdentity(value.identity);
  const { decided_at, addresses, allow_observe, facts } = value;
  if (identity === undefined || !isInstant(decided_at)) return undefined;
  if (addresses !== undefined && !(Array.isArray(addresses) && addresses.every(isText))) return undefined;
  if (allow_observe !== undefined && typeof allow_observe !== 'boolean') return undefined;
  if (facts !== undefined && (!isObject(facts) || Array.isArray(facts))) return undefined;
  const out: Mutable<DecisionInputs> = { decided_at, identity };
  if (addresses !== undefined) out.addresses = [...addresses];
  if (allow_observe === true) out.allow_observe = true;
  // Through text: what is decided on is what will be read back, without the tricks that a live object can play.
  if (facts !== undefined) out.facts = JSON.parse(JSON.stringify(facts)) as { [name: string]: Json };
  return readRest(value, out) ? out : undefined;
}
