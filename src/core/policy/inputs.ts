/**
 * What was read for one call, as it is recorded in `decision.inputs`, and back for replay. What `readInputs` gives is
 * all that a decision is made from besides the request and the policy, so what `recordInputs` leaves of it decides the
 * same.
 */
import { encodeUtf8 } from '../bytes.ts';
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

/** The most bytes of UTF-8 that one UTF-16 unit takes. */
const UNIT_BYTES = 3;

/** True when the entry has room for them. Most are far below the limit, and are not encoded to see it. */
export function inputsFit(recorded: { readonly [name: string]: unknown }): boolean {
  const text = JSON.stringify(recorded);
  if (text.length * UNIT_BYTES <= LIMITS.decisionInputsBytes) return true;
  return encodeUtf8(text).length <= LIMITS.decisionInputsBytes;
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
