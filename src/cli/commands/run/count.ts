/** What a run did, counted from its entries in the log. */
import { type Facts, factsOf } from '../../../core/query/call.ts';
import type { Context } from '../../context.ts';
import { counted } from '../../facts.ts';
import { readLog } from '../../reading.ts';

export interface RunCounts {
  readonly calls: number;
  readonly stopped: number;
  /** Answered with 400 or more, or not at all. */
  readonly failed: number;
  readonly redacted: number;
}

/** `since`: when the run started; older entries are not looked at. */
export async function countRun(context: Context, run: string, since: string): Promise<RunCounts> {
  const { directory } = await context.openReader();
  const filter = { run, since, types: ['http.call'] };
  const reading = await readLog(directory, { filter, raw: false, limit: Number.MAX_SAFE_INTEGER });
  const counts = { calls: 0, stopped: 0, failed: 0, redacted: 0 };
  for await (const { call } of reading.hits()) {
    const facts = factsOf(call);
    counts.calls++;
    if (isStopped(facts)) counts.stopped++;
    else if (isFailed(facts)) counts.failed++;
    if (facts.redacted) counts.redacted++;
  }
  return counts;
}

function isStopped({ status }: Facts): boolean {
  return status === 'blocked' || status === 'pending';
}

function isFailed({ status, statusCode }: Facts): boolean {
  return status !== 'ok' || (statusCode ?? 0) >= 400;
}

/** `12 calls: 1 stopped, 1 failed, 2 redacted` */
export function describeCounts({ calls, stopped, failed, redacted }: RunCounts): string {
  const parts = [
    stopped === 0 ? '' : `${stopped} stopped`,
    failed === 0 ? '' : `${failed} failed`,
    redacted === 0 ? '' : `${redacted} redacted`,
  ].filter((part) => part !== '');
  const told = counted(calls, 'call');
  return parts.length === 0 ? told : `${told}: ${parts.join(', ')}`;
}
