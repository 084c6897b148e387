/**
 * Calls and CONNECTs that are not let through: stopped, or put to a person. One that a person answers while its caller is
 * held is decided anew; of its two pairs of entries the second tells how it ended, and the first says `resumed`.
 */
import type { Outcome } from '../../core/entry.ts';
import { postExec } from './events.ts';
import { ABORTED } from './failure.ts';
import { failureReply } from './failure-reply.ts';
import type { Flight } from './flight.ts';
import { NOT_HELD, type Waited } from './hold.ts';
import type { Journal } from './refuse.ts';
import type { Reply } from './reply.ts';
import { stopOutcome, waitedMetadata, waitedOutcome } from './stop.ts';

export interface Stopped {
  readonly host: string;
  readonly flight: Flight;
  /** The durable pre_exec. */
  readonly preId: string;
  /** Of the post_exec. */
  readonly metadata: Record<string, unknown>;
  readonly facts: Parameters<typeof postExec>[3];
  /** What it was stopped by, or waits for. */
  readonly reply: Reply;
  readonly elapsedMs: () => number;
  readonly isGone: () => boolean;
  readonly send: (reply: Reply, entry?: string) => void;
}

async function end(
  deps: Journal,
  { flight, preId, metadata, facts, elapsedMs, send }: Stopped,
  outcome: Outcome,
  reply: Reply | undefined,
  more: Record<string, unknown> = {},
): Promise<void> {
  flight.land();
  const event = postExec(preId, { ...outcome, duration_ms: elapsedMs() }, { ...metadata, ...more }, facts);
  if (reply === undefined) {
    // Nobody waits for it. Where the call goes on, the entry that follows is durable before anything is done.
    void deps.record(event, undefined, { unawaited: true });
    return;
  }
  const post = await deps.record(event);
  if ('unrecorded' in post) send(post.unrecorded);
  else send(reply, preId);
}

/** On record, then told. */
export function endStopped(deps: Journal, stopped: Stopped): Promise<void> {
  return end(deps, stopped, stopOutcome(stopped.reply), stopped.reply);
}

/** A person is asked and the caller is not held: on record, then told `reply`. */
export function endAsked(deps: Journal, stopped: Stopped, reply: Reply): Promise<void> {
  return end(deps, stopped, waitedOutcome(NOT_HELD, reply.status), reply);
}

/** True: the call is to be decided anew. Otherwise it is on record how it ended, and the caller is told. */
export async function goesOnAfter(deps: Journal, stopped: Stopped, waited: Waited): Promise<boolean> {
  const gone = stopped.isGone();
  const failure = waited.failure ?? (gone ? ABORTED : undefined);
  const goesOn = failure === undefined && waited.resumed !== undefined;
  const told = failure === undefined ? stopped.reply : failureReply(failure, stopped.host);
  const reply = gone || goesOn ? undefined : told;
  const how = failure === undefined ? waited : { ...waited, failure };
  await end(deps, stopped, waitedOutcome(how, reply?.status), reply, waitedMetadata(how));
  return goesOn;
}
