/**
 * The members of `decision.inputs`, each read from anything: a copy of what the types promise, or undefined when
 * something is not what it has to be. A count that is no number must not pass for one that is below its limit.
 */
import { IDENTITY_LEVELS } from '../entry.ts';
import type { Contract } from './compiled.ts';
import type {
  BudgetRead,
  Delegator,
  GrantRead,
  Identity,
  IdentityFailure,
  KillRead,
  Principal,
  WindowRead,
} from './types.ts';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type Members = { readonly [member: string]: unknown };

export const isObject = (value: unknown): value is Members => typeof value === 'object' && value !== null;
export const isText = (value: unknown): value is string => typeof value === 'string' && value.isWellFormed();
const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0;

/** RFC 3339 in UTC with milliseconds, as every `ts` of an entry. */
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
export const isInstant = (value: unknown): value is string => isText(value) && INSTANT.test(value);

const isTexts = (value: unknown): value is readonly string[] => Array.isArray(value) && value.every(isText);

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

/** Copies the members that are there; false when one is not text. */
function copyTexts<K extends string>(
  from: Members,
  names: readonly K[],
  out: { [name in K]?: string },
): boolean {
  for (const name of names) {
    const text = from[name];
    if (text === undefined) continue;
    if (!isText(text)) return false;
    out[name] = text;
  }
  return true;
}

/** As `copyTexts`, for lists. */
function copyLists<K extends string>(
  from: Members,
  names: readonly K[],
  out: { [name in K]?: readonly string[] },
): boolean {
  for (const name of names) {
    const list = from[name];
    if (list === undefined) continue;
    if (!isTexts(list)) return false;
    out[name] = [...list];
  }
  return true;
}

const IDENTITY_TEXTS = [
  'agent_id',
  'token_id',
  'run_id',
  'user_id',
  'project_id',
  'environment',
] as const satisfies readonly (keyof Identity)[];

export function readIdentity(from: unknown): Identity | undefined {
  if (!isObject(from)) return undefined;
  const level = IDENTITY_LEVELS.find((known) => known === from.level);
  if (level === undefined) return undefined;
  const out: Mutable<Identity> = { level };
  if (!copyTexts(from, IDENTITY_TEXTS, out) || !copyLists(from, ['scopes'], out)) return undefined;
  const { failure, delegation, contract } = from;
  if (failure !== undefined) {
    if (!isFailure(failure)) return undefined;
    out.failure = failure;
  }
  if (delegation !== undefined) {
    const hands = Array.isArray(delegation) ? delegation.map(readHand) : [undefined];
    if (!hands.every((hand) => hand !== undefined)) return undefined;
    out.delegation = hands;
  }
  if (contract !== undefined) {
    const read = readContract(contract);
    if (read === undefined) return undefined;
    out.contract = read;
  }
  return out;
}

function readHand(from: unknown): Delegator | undefined {
  if (!isObject(from) || !isText(from.agent_id)) return undefined;
  const out: Mutable<Delegator> = { agent_id: from.agent_id };
  return copyTexts(from, ['token_id'], out) && copyLists(from, ['scopes'], out) ? out : undefined;
}

function readContract(from: unknown): Contract | undefined {
  if (!isObject(from)) return undefined;
  const out: Mutable<Contract> = {};
  if (!copyLists(from, ['tools', 'hosts'], out)) return undefined;
  if (from.credentials === undefined) return out;
  const credentials: { allow?: readonly string[]; deny?: readonly string[] } = {};
  if (!isObject(from.credentials) || !copyLists(from.credentials, ['allow', 'deny'], credentials))
    return undefined;
  out.credentials = credentials;
  return out;
}

/** Without the e-mail: it is the policy's, and stands in the snapshot. */
export function readPrincipal(from: unknown): Principal | undefined {
  if (!isObject(from) || !isText(from.id)) return undefined;
  const { id, source } = from;
  return source === 'token' || source === 'owner' ? { id, source } : undefined;
}

export function readKill(from: unknown): readonly KillRead[] | undefined {
  if (!Array.isArray(from)) return undefined;
  const out: KillRead[] = [];
  for (const on of from as readonly unknown[]) {
    if (!isObject(on) || !isText(on.scope) || !isText(on.id)) return undefined;
    out.push({ scope: on.scope, id: on.id });
  }
  return out;
}

export function readWindows(from: unknown): { readonly [key: string]: WindowRead } | undefined {
  if (!isObject(from) || Array.isArray(from)) return undefined;
  const out: [string, WindowRead][] = [];
  for (const key of Object.keys(from)) {
    const read = from[key];
    if (!isText(key) || !isObject(read) || !isCount(read.count)) return undefined;
    const { count, free_in_ms } = read;
    if (free_in_ms !== undefined && !isCount(free_in_ms)) return undefined;
    out.push([key, free_in_ms === undefined ? { count } : { count, free_in_ms }]);
  }
  // Defines its members: a user may be called "__proto__".
  return Object.fromEntries(out);
}

export function readBudget(from: unknown): BudgetRead | undefined {
  if (!isObject(from)) return undefined;
  const { steps, elapsed_ms, tool_calls, usd, repeats } = from;
  const counted =
    isCount(steps) && isCount(elapsed_ms) && isCount(tool_calls) && isCount(usd) && isCount(repeats);
  return counted ? { steps, elapsed_ms, tool_calls, usd, repeats } : undefined;
}

const STATUSES = [
  'pending',
  'granted',
  'denied',
  'expired',
  'used',
] as const satisfies readonly GrantRead['status'][];

export function readGrant(from: unknown): GrantRead | undefined {
  if (!isObject(from)) return undefined;
  const { id, action_key, policy_hash, expires_at } = from;
  const status = STATUSES.find((known) => known === from.status);
  if (status === undefined || !isText(id) || !isText(action_key) || !isText(policy_hash)) return undefined;
  if (!isInstant(expires_at)) return undefined;
  const out: Mutable<GrantRead> = { id, status, action_key, policy_hash, expires_at };
  return copyTexts(from, ['args_hash', 'approver', 'approved_at'], out) ? out : undefined;
}
