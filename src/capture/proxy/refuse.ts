/** Calls that end before anything is decided about them. Each leaves one entry, and only then gets its answer. */
import type { Event, Outcome } from '../../core/entry.ts';
import type { Receipt } from '../../recorder/api.ts';
import { type CallFacts, refused } from './events.ts';
import { badRequest, type Exchange, elapsed, LOG_UNAVAILABLE, type Reply, sendReply } from './reply.ts';

/** The recorder, as the broker uses it: what is lost is counted, and `close` waits for what is not durable yet. */
export interface Journal {
  /** Never rejects. Undefined: the entry could not be made durable; `onLost` was called before. */
  readonly record: (event: Event, onLost?: () => void) => Promise<Receipt | undefined>;
}

export async function refuse(
  journal: Journal,
  exchange: Exchange,
  facts: CallFacts,
  reply: Reply,
  outcome: Outcome,
): Promise<void> {
  const event = refused(facts, { ...outcome, status_code: reply.status, duration_ms: elapsed(exchange) });
  const receipt = await journal.record(event);
  sendReply(exchange, receipt === undefined ? LOG_UNAVAILABLE : reply, receipt?.id);
}

/** For refusals that are told to the log in the same words as to the caller. */
export function block(journal: Journal, exchange: Exchange, facts: CallFacts, reply: Reply): Promise<void> {
  const { reason, error } = reply.body;
  return refuse(journal, exchange, facts, reply, { status: 'blocked', error_kind: reason, error });
}

export function refuseBad(
  journal: Journal,
  exchange: Exchange,
  facts: CallFacts,
  problem: string,
  status = 400,
): Promise<void> {
  return block(journal, exchange, facts, badRequest(problem, status));
}
