/** What a run did, counted from its entries in the log. */
import { type Facts, factsOf } from '../../../core/query/call.ts';
import type { Context } from '../../context.ts';
import { counted } from '../../facts.ts';
import { readLog } from '../../reading.ts';

export interface RunCounts {
  readonly calls: number;
  readonly stopped: number;
  /** Answered with "a person has to approve it"; the same call, made again or held, is another one. */
  readonly asked: number;
  /** Answered with 400 or more, or not at all. */
  readonly failed: number;
  readonly redacted: number;
}

/** `since`: when the run started; older entries are not looked at. */
export async function countRun(context: Context, run: string, since: string): Promise<RunCounts> {
  const { directory } = await context.openReader();
  const filter = { run, since, types: ['http.call'] };
  const reading = await readLog(directory, { filter, raw: false, limit: Number.MAX_SAFE_INTEGER });
  const counts = { calls: 0, stopped: 0, asked: 0, failed: 0, redacted: 0 };
  for await (const { call } of reading.hits()) {
    const facts = factsOf(call);
    counts.calls++;
    if (facts.status === 'blocked') counts.stopped++;
    else if (facts.status === 'pending') counts.asked++;
    else if (isFailed(facts)) counts.failed++;
    if (facts.redacted) counts.redacted++;
  }
  return counts;
}

function isFailed({ status, statusCode }: Facts): boolean {
  return status !== 'ok' || (statusCode ?? 0) >= 400;
}

/** `12 calls: 1 stopped, 1 failed, 2 redacted` */
export function describeCounts({ calls, stopped, asked, failed, redacted }: RunCounts): string {
  const parts = [
    stopped === 0 ? '' : `${stopped} stopped`,
    asked === 0 ? '' : `${asked} put to a person`,
    failed === 0 ? '' : `${failed} failed`,
    redacted === 0 ? '' : `${redacted} redacted`,
  ].filter((part) => part !== '');
  const told = counted(calls, 'call');
  return parts.length === 0 ? told : `${told}: ${parts.join(', ')}`;
}
