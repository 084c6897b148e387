/** What a decision means for the action that it is about, and the end of one that may not begin. */
import type { Decision, Event } from '../core/entry.ts';

/** The one thing to look at: the action may begin. */
export function proceeds({ outcome, enforced }: Decision): boolean {
  return outcome === 'allow' || enforced === false;
}

/** Its pre_exec, which is `id`, is closed at once. `type`: what an end of this kind is called. */
export function notBegun(type: string, id: string, { outcome, reason }: Decision): Event {
  return {
    type,
    phase: 'post_exec',
    parent_id: id,
    outcome: {
      status: outcome === 'approval_required' ? 'pending' : 'blocked',
      ...(reason === undefined ? {} : { error_kind: reason }),
    },
  };
}
