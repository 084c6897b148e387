/** How a decision that stops a call is told to the caller. */
import type { Decision, Outcome } from '../../core/entry.ts';
import type { Acted } from '../../recorder/api.ts';
import type { CallFacts } from './events.ts';
import type { Waited } from './hold.ts';
import type { Reply } from './reply.ts';

const LIMITED = /^(rate_limited_.*|burst_limited)$/;

/** Who the caller is, is asked of it by the proxy, and not by the upstream that it thinks it talks to. */
function statusOf(
  decision: Decision,
  { identity, control }: Pick<CallFacts, 'identity' | 'control'>,
): number {
  const failed = identity.failure !== undefined && decision.reason === identity.failure;
  if (control.forwarded !== undefined) {
    const { run_token, agent_token } = control.claims;
    const silent = run_token === undefined && agent_token === undefined;
    if (failed || (silent && decision.reason === 'identity_missing')) return 407;
  } else if (failed) return 401;
  return LIMITED.test(decision.reason ?? '') ? 429 : 403;
}

export function proceeds({ outcome, enforced }: Decision): boolean {
  return outcome === 'allow' || enforced === false;
}

/** Whole seconds, and never too early: who comes back at that time is let through. */
function retryAfterS({ retry_after_ms = 1_000 }: Decision): number {
  return Math.max(1, Math.ceil(retry_after_ms / 1000));
}

/** `domain`: the host the caller named. `approval`: where a person is asked. */
export function stopReply(
  decision: Decision,
  facts: Pick<CallFacts, 'identity' | 'control'>,
  domain: string,
  approval?: Acted['approval'],
): Reply {
  const reason =
    decision.outcome === 'approval_required'
      ? 'policy_approval_required'
      : (decision.reason ?? 'policy_denied');
  const message = decision.message ?? 'the policy stops this call';
  const status = statusOf(decision, facts);
  // Published clients read `error` as a code in a 403, and as a sentence elsewhere.
  const error = status === 403 ? reason : message;
  return {
    status,
    body: {
      error,
      domain,
      message,
      reason,
      ...(approval === undefined ? {} : { approval_id: approval.id, expires_at: approval.expires_at }),
    },
    ...(status === 429 ? { retryAfterS: retryAfterS(decision) } : {}),
  };
}

/** For a caller that asked for it (RFC 7240): others would take a 202 for the upstream's success. */
export function acceptedReply(reply: Reply): Reply {
  return { ...reply, status: 202 };
}

export function stopOutcome(reply: Reply): Outcome {
  return {
    status: 'blocked',
    status_code: reply.status,
    error_kind: reply.body.reason,
  };
}

const PENDING: Outcome = { status: 'pending', error_kind: 'policy_approval_required' };

/**
 * How a call ended that wanted a person. One that is decided anew has nobody told anything: the call that it goes on as
 * tells how it ended.
 */
export function waitedOutcome({ failure, resumed }: Waited, told: number | undefined): Outcome {
  if (failure !== undefined)
    return {
      status: failure.status,
      ...(told === undefined ? {} : { status_code: told }),
      error_kind: failure.kind,
      error: failure.text,
    };
  return { ...PENDING, ...(resumed !== undefined || told === undefined ? {} : { status_code: told }) };
}

/** `resumed`: readers leave such a call out of their lists, and show the one that it goes on as (core/query/fold.ts). */
export function waitedMetadata({ failure, resumed, heldMs }: Waited): Record<string, unknown> {
  return {
    ...(heldMs === 0 ? {} : { held_ms: heldMs }),
    ...(failure !== undefined || resumed === undefined ? {} : { resumed }),
  };
}
