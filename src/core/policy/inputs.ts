/** What was read for one call, as it is recorded in `decision.inputs`, and back for replay. */
import { IDENTITY_LEVELS } from '../entry.ts';
import type { Json, JsonObject } from '../json.ts';
import { LIMITS } from '../limits.ts';
import type { DecisionInputs, Identity, IdentityFailure } from './types.ts';

const IDENTITY_FIELDS = ['agent_id', 'token_id', 'run_id', 'project_id', 'environment', 'failure'] as const;

function recordIdentity(identity: Identity): JsonObject {
  const out: Record<string, Json> = { level: identity.level };
  for (const field of IDENTITY_FIELDS) {
    const value = identity[field];
    if (value !== undefined) out[field] = value;
  }
  return out;
}

/** Everything `decide` was given besides request and policy, and what the layers read from the policy for this call. */
export function recordInputs(inputs: DecisionInputs, read: JsonObject): JsonObject {
  return {
    decided_at: inputs.decided_at,
    identity: recordIdentity(inputs.identity),
    ...(inputs.addresses === undefined ? {} : { addresses: inputs.addresses }),
    ...(inputs.allow_observe === true ? { allow_observe: true } : {}),
    ...(inputs.facts === undefined ? {} : { facts: inputs.facts }),
    ...read,
  };
}

const encoder = new TextEncoder();

/** Size as the entry will carry it. */
export function inputsFit(recorded: JsonObject): boolean {
  const text = JSON.stringify(recorded);
  // A UTF-16 unit is at most three bytes of UTF-8.
  return (
    text.length * 3 <= LIMITS.decisionInputsBytes || encoder.encode(text).length <= LIMITS.decisionInputsBytes
  );
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
  const out: { -readonly [K in keyof Identity]: Identity[K] } = { level };
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
  return {
    decided_at,
    identity,
    ...(addresses === undefined ? {} : { addresses: [...addresses] }),
    ...(allow_observe === true ? { allow_observe } : {}),
    ...(facts === undefined ? {} : { facts: JSON.parse(JSON.stringify(facts)) as { [name: string]: Json } }),
  };
}
