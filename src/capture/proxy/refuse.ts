/** Calls that end before anything is decided about them. Each leaves one entry, and only then gets its answer. */
import type { Event, Outcome } from '../../core/entry.ts';
import type { Receipt, Recorder } from '../../recorder/api.ts';
import { type CallFacts, PROXY, refused } from './events.ts';
import { badRequest, type Exchange, elapsed, LOG_UNAVAILABLE, type Reply, sendReply } from './reply.ts';

export interface Journal {
  readonly recorder: Recorder;
  /** Keeps `close` waiting until the entry is durable, and counts it when it is lost. */
  readonly track: (entry: Promise<Receipt>) => void;
}

/** Undefined: it could not be made durable. */
export async function record(journal: Journal, event: Event): Promise<Receipt | undefined> {
  const entry = journal.recorder.record(event, PROXY);
  journal.track(entry);
  try {
    return await entry;
  } catch {
    // Counted by `track`; the caller is told that the log is unavailable.
    return undefined;
  }
}

export async function refuse(
  journal: Journal,
  exchange: Exchange,
  facts: CallFacts,
  reply: Reply,
  outcome: Outcome,
): Promise<void> {
  const event = refused(facts, { ...outcome, status_code: reply.status, duration_ms: elapsed(exchange) });
  const receipt = await record(journal, event);
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
