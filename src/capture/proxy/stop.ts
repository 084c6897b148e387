/** How a decision that stops a call is told to the caller. */
import type { Decision, Outcome } from '../../core/entry.ts';
import type { Identity } from '../../core/policy/types.ts';
import type { Reply } from './reply.ts';

const RETRY_S = 1;
const LIMITED = /^(rate_limited_.*|burst_limited)$/;

function statusOf(decision: Decision, identity: Identity): number {
  if (identity.failure !== undefined && decision.reason === identity.failure) return 401;
  return LIMITED.test(decision.reason ?? '') ? 429 : 403;
}

export function proceeds({ outcome, enforced }: Decision): boolean {
  return outcome === 'allow' || enforced === false;
}

/** `domain`: the host the caller named. */
export function stopReply(decision: Decision, identity: Identity, domain: string): Reply {
  const reason =
    decision.outcome === 'approval_required'
      ? 'policy_approval_required'
      : (decision.reason ?? 'policy_denied');
  const message = decision.message ?? 'the policy stops this call';
  const status = statusOf(decision, identity);
  // Published clients read `error` as a code in a 403, and as a sentence elsewhere.
  const error = status === 403 ? reason : message;
  return {
    status,
    body: { error, domain, message, reason },
    ...(status === 429 ? { retryAfterS: RETRY_S } : {}),
  };
}

export function stopOutcome(decision: Decision, reply: Reply): Outcome {
  const pending = decision.outcome === 'approval_required';
  return {
    status: pending ? 'pending' : 'blocked',
    status_code: reply.status,
    error_kind: reply.body.reason,
  };
}
