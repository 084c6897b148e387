/** What a caller is told of a call that failed, in our own words. */
import { BROKEN, type Failure, isKilled, LOOP } from './failure.ts';
import type { Reply } from './reply.ts';

/** 502 whatever went wrong on the way to the upstream; 500 is ours alone, and 403 the operator's word. */
export function replyStatus(failure: Failure): number {
  if (isKilled(failure) || failure.kind === LOOP.kind || failure.kind === 'args_unavailable') return 403;
  return failure.kind === BROKEN.kind ? 500 : 502;
}

export function failureReply(failure: Failure, domain: string): Reply {
  const { kind, text } = failure;
  return { status: replyStatus(failure), body: { error: text, reason: kind, domain } };
}
