/** Calls that end before anything is decided about them. Each leaves one entry, and only then gets its answer. */
import type { Event, Outcome } from '../../core/entry.ts';
import type { Receipt, Recorder } from '../../recorder/api.ts';
import { type CallFacts, refused } from './events.ts';
import type { PlaceholderProblem } from './placeholder-use.ts';
import { badRequest, type Exchange, elapsed, type Reply, sendReply } from './reply.ts';

/** `unrecorded`: the entry is not in the log, and this is what the caller is told. */
export type Recorded = Pick<Receipt, 'id'> | { readonly unrecorded: Reply };

/** The recorder, as the broker uses it: what is lost is counted, and `close` waits for what is not durable yet. */
export interface Journal {
  /**
   * Never rejects. `onLost` is called at once when the entry as given will not be in the log; `how` is the recorder's.
   * A post_exec that the recorder does not take is replaced by one that only says so, so that no call stays open.
   */
  readonly record: (
    event: Event,
    onLost?: (reply: Reply) => void,
    how?: Parameters<Recorder['record']>[2],
  ) => Promise<Recorded>;
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
  if ('unrecorded' in receipt) sendReply(exchange, receipt.unrecorded);
  else sendReply(exchange, reply, receipt.id);
}

/**
 * For refusals that are told to the log in the same words as to the caller. A malformed request is the caller's error;
 * whoever counts what was blocked asks what was held back on purpose.
 */
export function block(journal: Journal, exchange: Exchange, facts: CallFacts, reply: Reply): Promise<void> {
  const { reason, error } = reply.body;
  const status = reason === 'bad_request' ? 'error' : 'blocked';
  return refuse(journal, exchange, facts, reply, { status, error_kind: reason, error });
}

/** A placeholder that is not replaced: nothing of the request goes on. */
export function refusePlaceholder(
  journal: Journal,
  exchange: Exchange,
  facts: CallFacts,
  { status, reason, message }: PlaceholderProblem,
): Promise<void> {
  if (reason === 'bad_request') return refuseBad(journal, exchange, facts, message, status);
  const domain = facts.control.target?.host ?? '';
  const reply: Reply = { status, body: { error: reason, domain, message, reason } };
  return refuse(journal, exchange, facts, reply, { status: 'blocked', error_kind: reason, error: message });
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
