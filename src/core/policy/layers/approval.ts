/**
 * A person's word, where one is wanted. A grant counts for this action with these arguments under this very policy, and
 * for as long as it says; anything else is as if there were none.
 */
import { LIMITS } from '../../limits.ts';
import { fail, type Layer, type LayerAnswer, type LayerContext, SKIP, type Want } from '../layer.ts';
import type { GrantRead } from '../types.ts';

/** Who approves where neither a rule nor the policy says it. */
const APPROVERS: readonly string[] = ['role:owner', 'role:admin'];

/** Bound to what was asked: the action, its arguments, and the policy that asked. */
function isAboutThis(grant: GrantRead, { request, inForce }: LayerContext): boolean {
  const { key, args_hash } = request.action;
  return (
    key !== undefined &&
    grant.action_key === key &&
    grant.args_hash === args_hash &&
    grant.policy_hash === inForce.hash
  );
}

function ask({ reason, message, approvers, ttl_ms }: Want, { policy }: LayerContext): LayerAnswer {
  return {
    result: 'fail',
    outcome: 'approval_required',
    reason,
    message,
    wanted: {
      approvers: [...(approvers ?? policy.approvals?.approvers ?? APPROVERS)],
      ttl_ms: ttl_ms ?? policy.approvals?.ttl_ms ?? LIMITS.approvalTtlMs,
    },
  };
}

function use({ id, approver, approved_at, expires_at, args_hash }: GrantRead): LayerAnswer {
  return {
    result: 'pass',
    approval: {
      id,
      ...(approver === undefined ? {} : { approver }),
      ...(approved_at === undefined ? {} : { approved_at }),
      expires_at,
      ...(args_hash === undefined ? {} : { args_hash }),
    },
  };
}

const STREAMED =
  'an approval is for certain arguments, and these were streamed past; a body is read before when it is JSON or a form, and short';
const NOT_USED = 'it was approved, and the approval was not used in time';
const NOT_ANSWERED = 'a person was asked, and nobody answered in time';

function answer(grant: GrantRead, want: Want, context: LayerContext): LayerAnswer {
  // Both are of one form (RFC 3339 in UTC with milliseconds), which sorts as it runs.
  const over = context.inputs.decided_at >= grant.expires_at;
  switch (grant.status) {
    case 'granted':
      return over ? fail('approval_expired', NOT_USED) : use(grant);
    case 'denied':
      return over ? ask(want, context) : fail('policy_approval_denied', 'a person was asked, and said no');
    case 'expired':
      return fail('approval_expired', grant.approver === undefined ? NOT_ANSWERED : NOT_USED);
    case 'pending':
      return over ? fail('approval_expired', NOT_ANSWERED) : ask(want, context);
    case 'used':
      return ask(want, context);
  }
}

export const approvalLayer: Layer = {
  name: 'approval',
  evaluate(context) {
    const { want, inputs, request } = context;
    if (want === undefined) return SKIP;
    const { grant } = inputs;
    const said =
      request.args === 'streamed'
        ? fail('args_unavailable', STREAMED)
        : grant === undefined || !isAboutThis(grant, context)
          ? ask(want, context)
          : answer(grant, want, context);
    return said.result === 'fail' && want.rule !== undefined ? { ...said, rule: want.rule } : said;
  },
};
