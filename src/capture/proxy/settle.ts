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
  /** It has its place in the log. */
  placed: boolean;
  /** Resolves when it is durable, and with it everything before it; or lost. */
  readonly done: Promise<unknown>;
}

/** Records how the call ended. What is not on record must not look finished: the caller is told, or cut. */
export function settle(
  journal: Journal,
  { exchange, facts, preId, durability }: Settling,
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
  const post: { -readonly [K in keyof Settled]: Settled[K] } = {
    lost: false,
    placed: false,
    done: Promise.resolve(),
  };
  // Not awaited by most: `close` does.
  post.done = journal.record(postExec(preId, outcome, metadata, facts), onLost, {
    placed() {
      post.placed = true;
    },
    unawaited: durability !== 'reply',
  });
  return post;
}

/** Sends an answer of ours to a call that was settled. */
export function answer({ exchange, preId, durability }: Settling, post: Settled, reply: Reply): void {
  const send = (): void => sendReply(exchange, reply, preId);
  // One that was lost has its answer by then.
  if (durability === 'reply') void post.done.then(send);
  else send();
}

/**
 * Whether the end of the call may be shown: what is not on record must not look finished. At once where the entry has its
 * place and nobody waits for more.
 */
export function mayBeShown({ durability }: Settling, post: Settled): boolean | Promise<boolean> {
  return post.placed && durability !== 'reply' ? true : post.done.then(() => !post.lost);
}
