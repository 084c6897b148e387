/** What a hook is answered. Nothing but a stop of a call says anything: the program's own permissions stay as they are. */
import type { Decision } from '../../core/entry.ts';
import type { JsonObject } from '../../core/json.ts';
import { LIMITS } from '../../core/limits.ts';

/** It goes on as it would have without us: not `allow`, which would skip what the program asks its user. */
export const GO_ON: JsonObject = {};

export const PRE_TOOL_USE = 'PreToolUse';

export function denied(reason: string): JsonObject {
  return {
    hookSpecificOutput: {
      hookEventName: PRE_TOOL_USE,
      permissionDecision: 'deny',
      permissionDecisionReason: reason,
    },
  };
}

/** For the model and its user: why, and where it stands. */
export function stopWords({ reason, message, retry_after_ms }: Decision, index: number): string {
  const why = message === undefined ? (reason ?? 'stopped') : `${message} (${reason ?? 'stopped'})`;
  const again = retry_after_ms === undefined ? '' : ` Again in ${Math.ceil(retry_after_ms / 1000)} s.`;
  return `Stopped by the policy of this machine: ${why}.${again} tally log show ${index}`;
}

export function waitWords(
  { message, reason }: Pick<Decision, 'message' | 'reason'>,
  approval: { readonly id: string; readonly expires_at: string } | undefined,
  status: string | undefined,
): string {
  const why = message ?? reason ?? 'the policy wants an approval';
  if (approval === undefined)
    return `A person has to approve this (${why}), and too many requests wait already: tally approvals list`;
  if (status === 'denied') return `A person said no to this (${why}). tally approvals show ${approval.id}`;
  return `A person has to approve this (${why}): tally approvals approve ${approval.id} (until ${approval.expires_at}); then do exactly the same again.`;
}

/** As long as the policy says, and no longer than clients wait. */
export function holdMs(policyMs: number | undefined): number {
  return Math.min(policyMs ?? LIMITS.approvalHoldMs, LIMITS.hookHoldMs);
}
