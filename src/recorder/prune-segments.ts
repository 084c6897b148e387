/** Segments as a plan of pruning sees them. */
import type { LogReader, PackReader } from '../core/ports.ts';
import { lineTime } from '../core/query/line.ts';
import type { PlannedSegment } from '../core/retention/plan.ts';
import { scanEntries } from './lines.ts';

export async function plannedSegments(
  log: LogReader,
  packs: PackReader | undefined,
): Promise<readonly PlannedSegment[]> {
  const packBytes = new Map((await packs?.packs())?.map(({ first, bytes }) => [first, bytes]));
  return (await log.segments()).map(({ first, bytes }) => ({
    first,
    bytes,
    packBytes: packBytes.get(first) ?? 0,
  }));
}

/** When its first entry was recorded, ms. One that cannot be told was recorded just now: then it is not old. */
export async function segmentTime(log: LogReader, first: number): Promise<number> {
  let ms = Number.POSITIVE_INFINITY;
  await scanEntries(log, first, first + 1, ({ bytes, start, end }) => {
    const ts = lineTime(bytes.subarray(start, end));
    if (ts !== undefined) ms = Date.parse(ts);
  });
  return ms;
}
