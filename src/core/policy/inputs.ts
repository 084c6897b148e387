/** What was read for one call, as it is recorded in `decision.inputs`, and back for replay. */
import { IDENTITY_LEVELS } from '../entry.ts';
import type { Json, JsonObject } from '../json.ts';
import { LIMITS } from '../limits.ts';
import type { DecisionInputs, Identity, IdentityFailure } from './types.ts';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const IDENTITY_FIELDS = ['agent_id', 'token_id', 'run_id', 'project_id', 'environment', 'failure'] as const;

/** Plain data that JSON takes as it is; an interface has no index signature to say so. */
const asJson = (value: object): JsonObject => value as JsonObject;

/** Everything `decide` was given besides request and policy, and what the layers read from the policy for this call. */
export function recordInputs(inputs: DecisionInputs, read: JsonObject): JsonObject {
  const { decided_at, identity, addresses, allow_observe, facts } = inputs;
  const out: Record<string, Json | undefined> = { decided_at, identity: asJson(identity) };
  if (addresses !== undefined) out.addresses = addresses;
  if (allow_observe === true) out.allow_observe = true;
  if (facts !== undefined) out.facts = facts;
  return Object.assign(out, read);
}

const encoder = new TextEncoder();

/** The most bytes that one UTF-16 unit takes in JSON: a control character as \u0000. */
const UNIT_BYTES = 6;
/** Quotes, brackets, colon and comma around a value, and `false`. */
const AROUND_BYTES = 16;

/** An upper bound of a value's size, two levels deep; infinity below, where measuring costs as much as serialising. */
function roughBytes(value: unknown, levels = 2): number {
  if (typeof value === 'string') return AROUND_BYTES + value.length * UNIT_BYTES;
  if (typeof value === 'boolean') return AROUND_BYTES;
  if (typeof value !== 'object' || value === null || levels === 0) return Number.POSITIVE_INFINITY;
  let bytes = AROUND_BYTES;
  for (const key in value)
    bytes += key.length * UNIT_BYTES + roughBytes((value as Record<string, unknown>)[key], levels - 1);
  return bytes;
}

/** True when the entry has room for them. Most are far below the limit and need no serialising to see it. */
export function inputsFit(recorded: { readonly [name: string]: unknown }): boolean {
  if (roughBytes(recorded) <= LIMITS.decisionInputsBytes) return true;
  return encoder.encode(JSON.stringify(recorded)).length <= LIMITS.decisionInputsBytes;
}

/** RFC 3339 in UTC with milliseconds, as every `ts` of an entry. */
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

const isText = (value: unknown): value is string => typeof value === 'string' && value.isWellFormed();

const FAILURES: ReadonlySet<unknown> = new Set<IdentityFailure>([
  'identity_missing',
  'token_invalid',
  'token_expired',
  'token_revoked',
  'agent_workspace_mismatch',
  'agent_project_mismatch',
  'agent_environment_mismatch',
]);

const isFailure = (value: unknown): value is IdentityFailure => FAILURES.has(value);

/** The caller's identity as plain data, or undefined when it is none. */
function readIdentity(value: unknown): Identity | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const from = value as Record<string, unknown>;
  const level = IDENTITY_LEVELS.find((known) => known === from.level);
  if (level === undefined) return undefined;
  const out: Mutable<Identity> = { level };
  for (const field of IDENTITY_FIELDS) {
    const text = from[field];
    if (text === undefined) continue;
    if (field === 'failure') {
      if (!isFailure(text)) return undefined;
      out.failure = text;
    } else if (isText(text)) out[field] = text;
    else return undefined;
  }
  return out;
}

/**
 * Inputs from anything: from the caller (whose types may not hold at run time) and from a recorded decision. Undefined
 * when something that a layer could read is not what it has to be. What the layers added is left out.
 */
export function readInputs(value: unknown): DecisionInputs | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const from = value as Record<string, unknown>;
  const identity = readIdentity(from.identity);
  const { decided_at, addresses, allow_observe, facts } = from;
  if (identity === undefined || !isText(decided_at) || !INSTANT.test(decided_at)) return undefined;
  if (addresses !== undefined && !(Array.isArray(addresses) && addresses.every(isText))) return undefined;
  if (allow_observe !== undefined && typeof allow_observe !== 'boolean') return undefined;
  if (facts !== undefined && (typeof facts !== 'object' || facts === null || Array.isArray(facts)))
    return undefined;
  const out: Mutable<DecisionInputs> = { decided_at, identity };
  if (addresses !== undefined) out.addresses = [...addresses];
  if (allow_observe === true) out.allow_observe = true;
  // Through text: what is decided on is what will be read back, without the tricks that a live object can play.
  if (facts !== undefined) out.facts = JSON.parse(JSON.stringify(facts)) as { [name: string]: Json };
  return out;
}
