/**
 * Approvals as the log tells them: asked for, granted or denied by a person, expired, used once. A grant belongs to one
 * caller, one action with these very arguments, and one policy; whatever differs asks anew.
 */
import type { JsonObject } from '../json.ts';
import { LIMITS } from '../limits.ts';
import type { GrantRead } from '../policy/types.ts';
import { booleanAt, listAt, numberAt, textAt } from '../query/fields.ts';
import type { FoldedTime } from './time.ts';
import { timeAt } from './time.ts';

export type ApprovalStatus = GrantRead['status'];

export interface Requester {
  readonly agent_id?: string;
  /** Nothing proved the agent's name. */
  readonly claimed?: true;
  /** The agents that passed the task on, the first one first. */
  readonly delegation?: readonly string[];
  readonly user_id?: string;
}

export interface Approval {
  /** The `approval.request` entry, and its place in the log. */
  readonly id: string;
  readonly index: number;
  status: ApprovalStatus;
  readonly action: string;
  readonly action_key: string;
  readonly args_hash?: string;
  readonly args_hash_alg?: string;
  /** Hash of the snapshot that asked for it. */
  readonly policy_hash: string;
  readonly requester: Requester;
  readonly run_id?: string;
  /** The decision that asked. */
  readonly parent_id?: string;
  readonly approvers: readonly string[];
  readonly ttl_ms: number;
  readonly requested_at: string;
  /** RFC 3339: of the request while it waits, of the grant once it is given. */
  expires_at: string;
  /** The same in folded time: a clock that is set back gives nobody more of it. */
  expires: number;
  approver?: string;
  approved_at?: string;
  /** What the person said with the answer. */
  answer_reason?: string;
  /** A caller was told that it ran out: the next one asks anew. */
  told?: true;
}

export interface ApprovalState {
  /** Oldest first. */
  readonly byId: Map<string, Approval>;
  /** The newest of each caller, action and arguments. */
  readonly newest: Map<string, string>;
}

export const emptyApprovals = (): ApprovalState => ({ byId: new Map(), newest: new Map() });

/** Parts of any text: one that imitates the boundary between two is quoted. */
export function approvalKey(requester: Requester, actionKey: string, argsHash: string | undefined): string {
  return JSON.stringify([actionKey, argsHash ?? null, ...partsOf(requester)]);
}

const partsOf = ({ agent_id, claimed, delegation = [], user_id }: Requester): readonly unknown[] => [
  agent_id ?? null,
  claimed === true,
  delegation,
  user_id ?? null,
];

export const isSameRequester = (a: Requester, b: Requester): boolean =>
  JSON.stringify(partsOf(a)) === JSON.stringify(partsOf(b));

export const approvalKeyOf = ({ requester, action_key, args_hash }: Approval): string =>
  approvalKey(requester, action_key, args_hash);

export function foldRequest(state: ApprovalState, entry: JsonObject, now: number): void {
  const about = (name: string): string | undefined => textAt(entry, 'metadata', name);
  const id = textAt(entry, 'id');
  const index = numberAt(entry, 'index');
  const action = textAt(entry, 'action', 'name');
  const action_key = textAt(entry, 'action', 'key');
  const args_hash = textAt(entry, 'action', 'args_hash');
  const args_hash_alg = textAt(entry, 'action', 'args_hash_alg');
  const policy_hash = about('policy_hash');
  const expires_at = about('expires_at');
  const requested_at = textAt(entry, 'ts');
  const ttl_ms = numberAt(entry, 'metadata', 'ttl_ms');
  if (id === undefined || index === undefined || state.byId.has(id)) return;
  if (action === undefined || action_key === undefined || policy_hash === undefined) return;
  if (expires_at === undefined || requested_at === undefined || ttl_ms === undefined) return;
  const agent_id = textAt(entry, 'metadata', 'requester', 'agent_id');
  const user_id = textAt(entry, 'metadata', 'requester', 'user_id');
  const delegation = listAt(entry, 'metadata', 'requester', 'delegation').filter(
    (name) => typeof name === 'string',
  );
  const run_id = textAt(entry, 'run_id');
  const parent_id = textAt(entry, 'parent_id');
  const approval: Approval = {
    id,
    index,
    status: 'pending',
    action,
    action_key,
    ...(args_hash === undefined ? {} : { args_hash }),
    ...(args_hash_alg === undefined ? {} : { args_hash_alg }),
    policy_hash,
    requester: {
      ...(agent_id === undefined ? {} : { agent_id }),
      ...(booleanAt(entry, 'metadata', 'requester', 'claimed') === true ? { claimed: true } : {}),
      ...(delegation.length === 0 ? {} : { delegation }),
      ...(user_id === undefined ? {} : { user_id }),
    },
    ...(run_id === undefined ? {} : { run_id }),
    ...(parent_id === undefined ? {} : { parent_id }),
    approvers: listAt(entry, 'metadata', 'approvers').filter((name) => typeof name === 'string'),
    ttl_ms,
    requested_at,
    expires_at,
    expires: now + ttl_ms,
  };
  state.byId.set(id, approval);
  state.newest.set(approvalKeyOf(approval), id);
}

/** Only one that waits is settled: whatever an entry says that was written twice, or forged, changes nothing. */
export function foldAnswer(
  state: ApprovalState,
  entry: JsonObject,
  answer: 'granted' | 'denied',
  now: number,
): void {
  const approval = state.byId.get(textAt(entry, 'metadata', 'approval') ?? '');
  if (approval?.status !== 'pending') return;
  approval.status = answer;
  const approver = textAt(entry, 'metadata', 'approver');
  const approved_at = textAt(entry, 'ts');
  if (approver !== undefined) approval.approver = approver;
  if (approved_at !== undefined) approval.approved_at = approved_at;
  const reason = textAt(entry, 'reason');
  if (reason !== undefined) approval.answer_reason = reason;
  if (answer === 'denied') {
    settle(state);
    return;
  }
  const expires_at = textAt(entry, 'metadata', 'expires_at');
  if (expires_at !== undefined) approval.expires_at = expires_at;
  approval.expires = now + approval.ttl_ms;
}

export function foldExpiry(state: ApprovalState, entry: JsonObject): void {
  const approval = state.byId.get(textAt(entry, 'metadata', 'approval') ?? '');
  if (approval === undefined || (approval.status !== 'pending' && approval.status !== 'granted')) return;
  approval.status = 'expired';
  settle(state);
}

/** A call went through with it, and no other one will. */
export function foldUse(state: ApprovalState, id: string): void {
  const approval = state.byId.get(id);
  if (approval?.status !== 'granted') return;
  approval.status = 'used';
  settle(state);
}

/** A caller was stopped because this one had run out. */
export function foldTold(state: ApprovalState, id: string): void {
  const approval = state.byId.get(id);
  if (approval !== undefined) approval.told = true;
}

/** Settled ones are in the log; the newest are kept to be listed, and to tell a caller that asks again. */
function settle(state: ApprovalState): void {
  let settled = 0;
  for (const { status } of state.byId.values()) if (status !== 'pending' && status !== 'granted') settled++;
  if (settled <= LIMITS.approvalsSettled) return;
  for (const [id, approval] of state.byId) {
    if (approval.status === 'pending' || approval.status === 'granted') continue;
    state.byId.delete(id);
    if (state.newest.get(approvalKeyOf(approval)) === id) state.newest.delete(approvalKeyOf(approval));
    return;
  }
}

/** By either clock: whichever runs ahead ends it. */
export function hasExpired(approval: Approval, time: FoldedTime, nowMs: number): boolean {
  const expiresMs = Date.parse(approval.expires_at);
  return !(nowMs < expiresMs) || timeAt(time, nowMs) >= approval.expires;
}

/** What it is now, whether or not an entry says already that it ran out. */
export function statusOf(approval: Approval, time: FoldedTime, nowMs: number): ApprovalStatus {
  const live = approval.status === 'pending' || approval.status === 'granted';
  return live && hasExpired(approval, time, nowMs) ? 'expired' : approval.status;
}

/**
 * The newest request of this caller for this action. A denial stands for as long as the request would have; that one ran
 * out is told once. After that nothing was asked.
 */
export function readGrant(
  state: ApprovalState,
  key: string,
  time: FoldedTime,
  nowMs: number,
): GrantRead | undefined {
  const approval = state.byId.get(state.newest.get(key) ?? '');
  if (approval === undefined || approval.told === true) return undefined;
  const status = statusOf(approval, time, nowMs);
  if (status === 'denied' && hasExpired(approval, time, nowMs)) return undefined;
  const { id, action_key, args_hash, policy_hash, approver, approved_at, expires_at } = approval;
  return {
    id,
    status,
    action_key,
    ...(args_hash === undefined ? {} : { args_hash }),
    policy_hash,
    ...(approver === undefined ? {} : { approver }),
    ...(approved_at === undefined ? {} : { approved_at }),
    expires_at,
  };
}

/** Why one more may not wait. */
export function tooMany(state: ApprovalState, { agent_id, user_id }: Requester): boolean {
  let waiting = 0;
  let ofOne = 0;
  for (const { status, requester } of state.byId.values()) {
    if (status !== 'pending') continue;
    waiting++;
    if (requester.agent_id === agent_id && requester.user_id === user_id) ofOne++;
  }
  return waiting >= LIMITS.approvalsWaiting || ofOne >= LIMITS.approvalsOfOne;
}
