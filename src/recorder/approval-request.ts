/** What is put on record to ask a person: who wants what, for how long, and who may say yes. */

import { encodeUtf8 } from '../core/bytes.ts';
import type { Decision, Event } from '../core/entry.ts';
import { type Approval, approvalKey, hasExpired, tooMany } from '../core/governance/approvals.ts';
import type { Shown } from '../core/governance/shown.ts';
import { type GovernanceState, requesterOf } from '../core/governance/state.ts';
import { LIMITS } from '../core/limits.ts';
import type { DecisionRequest, Identity } from '../core/policy/types.ts';

/** Who asks, as a grant is bound to it. */
export function requesterIn(decision: Decision): ReturnType<typeof requesterOf> {
  const { identity, principal } = (decision.inputs ?? {}) as {
    identity?: Identity;
    principal?: { id?: string };
  };
  return requesterOf(identity ?? { level: 'anonymous' }, principal?.id);
}

/** One that waits already for this very thing: asking twice does not ask two people. */
export function waitingFor(
  state: GovernanceState,
  decision: Decision,
  { action }: DecisionRequest,
  nowMs: number,
): Approval | undefined {
  if (action.key === undefined) return undefined;
  const key = approvalKey(requesterIn(decision), action.key, action.args_hash);
  const found = state.approvals.byId.get(state.approvals.newest.get(key) ?? '');
  if (found?.status !== 'pending' || found.policy_hash !== decision.snapshot?.hash) return undefined;
  return hasExpired(found, state.time, nowMs) ? undefined : found;
}

export function mayAskForMore(state: GovernanceState, decision: Decision): boolean {
  return !tooMany(state.approvals, requesterIn(decision));
}

/** `preId`: the entry of the decision. `event`: what it was decided about, without its arguments. */
export function approvalRequest(
  event: Event,
  decision: Decision,
  preId: string,
  nowMs: number,
  shown: Shown | undefined,
): Event {
  const { approvers = [], ttl_ms = LIMITS.approvalTtlMs } = decision.wanted ?? {};
  const { run_id, project_id, environment, session_id, actor, quality, reason, credentials } = event;
  const { args: _args, args_note: _note, ...action } = event.action ?? { name: 'unknown' };
  const metadata = {
    asked: decision.reason,
    ...(decision.message === undefined ? {} : { message: decision.message }),
    ...(decision.rule === undefined ? {} : { rule: decision.rule }),
    approvers,
    ttl_ms,
    expires_at: new Date(nowMs + ttl_ms).toISOString(),
    policy_hash: decision.snapshot?.hash,
    policy_version: decision.policy?.version,
    requester: requesterIn(decision),
  };
  const whole = { ...metadata, ...shown };
  const fits = encodeUtf8(JSON.stringify(whole)).length <= LIMITS.freeObjectBytes;
  const common = { run_id, project_id, environment, session_id, actor, quality, reason, credentials };
  return {
    type: 'approval.request',
    phase: 'point',
    ...Object.fromEntries(Object.entries(common).filter(([, value]) => value !== undefined)),
    parent_id: preId,
    action,
    // Without what is shown it fits: a person is asked in any case, and told that nothing can be shown.
    metadata: fits || shown === undefined ? whole : { ...metadata, hidden: shown.hidden },
    outcome: { status: 'pending' },
  };
}
