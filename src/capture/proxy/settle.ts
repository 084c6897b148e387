/** The one post_exec of a call, and when its end may be shown to the caller. */
import type { Outcome } from '../../core/entry.ts';
import type { Durability } from '../../core/policy/durability.ts';
import { type CallFacts, postExec } from './events.ts';
import type { Journal } from './refuse.ts';
import { type Exchange, elapsed, type Reply, sendReply } from './reply.ts';

export interface Settling {
  readonly exchange: Exchange;
  readonly facts: CallFacts;
  readonly preId: string;
  readonly durability: Durability;
}

export interface Settled {
  lost: boolean;
  /** Resolves when it is durable, and with it everything before it; or lost. */
  readonly done: Promise<unknown>;
}

/** Records how the call ended. What is not on record must not look finished: the caller is told, or cut. */
export function settle(
  journal: Journal,
  { exchange, facts, preId }: Settling,
  outcome: Outcome,
  metadata: Record<string, unknown>,
): Settled {
  const { response } = exchange;
  outcome.duration_ms = elapsed(exchange);
  const onLost = (reply: Reply): void => {
    post.lost = true;
    if (!response.headersSent) sendReply(exchange, reply, preId);
    else if (!response.writableFinished) response.destroy();
  };
  const post: Settled = {
    lost: false,
    // Not awaited by most: `close` does.
    done: journal.record(postExec(preId, outcome, metadata, facts), (reply) => onLost(reply)),
  };
  return post;
}

/** Sends an answer of ours to a call that was settled. */
export function answer({ exchange, preId, durability }: Settling, post: Settled, reply: Reply): void {
  const send = (): void => sendReply(exchange, reply, preId);
  // One that was lost has its answer by then.
  if (durability === 'reply') void post.done.then(send);
  else send();
}

/** A recorder that is dead or closed says so within this many microtasks; a live one has sequenced the entry at once. */
const ENQUEUE_TICKS = 6;

/** Whether the end of the call may be shown: what is not on record must not look finished. */
export async function mayBeShown({ durability }: Settling, post: Settled): Promise<boolean> {
  if (durability === 'reply') await post.done;
  for (let i = 0; i < ENQUEUE_TICKS && !post.lost; i++) await Promise.resolve();
  return !post.lost;
}
