/**
 * Who may answer a request for approval (spec/policy.md, "Approvals"). A person has to be among those that were asked,
 * and may not be the one who asks.
 *
 * Who asks: where the policy names users, a call is its user's, through whatever agent it comes; otherwise a user could
 * have an agent ask and say yes to it. On a machine whose policy names none there is one person, its owner: then the
 * agent asks, and the person in front of it answers. A call that comes through no agent is the person's own either way.
 */
import type { CompiledPolicy } from '../policy/compiled.ts';
import { rolesOf } from '../policy/principal.ts';
import type { Principal } from '../policy/types.ts';
import type { Approval } from './approvals.ts';

/** Each of these stands in for those after it. */
const RANKS: readonly string[] = ['owner', 'admin', 'member'];

function hasRole(held: readonly string[], wanted: string): boolean {
  const rank = RANKS.indexOf(wanted);
  return held.includes(wanted) || RANKS.slice(0, Math.max(0, rank)).some((role) => held.includes(role));
}

/** Whether somebody with these roles is one of those who are asked. */
export function isAmong(approvers: readonly string[], by: Principal, roles: readonly string[]): boolean {
  return approvers.some((one) =>
    one.startsWith('role:') ? hasRole(roles, one.slice(5)) : one === `user:${by.id}`,
  );
}

function isRequester(policy: CompiledPolicy, { requester, run_id }: Approval, by: Principal): boolean {
  if (requester.user_id !== by.id) return false;
  return policy.users !== undefined || (requester.agent_id === undefined && run_id === undefined);
}

/** Why this person may not answer; undefined: they may. */
export function approverRefusal(
  policy: CompiledPolicy,
  approval: Approval,
  by: Principal | undefined,
): string | undefined {
  if (by === undefined)
    return 'nobody knows who you are: the policy names its users, and a token says which of them asks';
  const roles = rolesOf(policy, by);
  if (!isAmong(approval.approvers, by, roles))
    return `${by.id} is not among those who may approve it: ${approval.approvers.join(', ')}`;
  if (policy.approvals?.approver_may_be_requester !== true && isRequester(policy, approval, by))
    return `${by.id} asks for it, and another person has to approve it`;
  return undefined;
}

/** What somebody who may not answer can do about it. */
export function approverHint(policy: CompiledPolicy, approval: Approval, by: Principal | undefined): string {
  if (by === undefined)
    return 'set TALLY_AGENT_TOKEN to a token of yours: tally agent token issue NAME --user ID --scope tally.operator';
  if (policy.users === undefined && isRequester(policy, approval, by))
    return 'what agents ask for is yours to answer (tally run, or tally call --agent NAME); for calls of your own: approvals: { approver_may_be_requester: true } in the policy';
  return 'somebody else has to answer: tally approvals show names who may';
}
