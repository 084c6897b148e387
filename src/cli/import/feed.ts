/** Reads a file and hands its events to the writer, in order and a bounded number at a time. */
import { createHash } from 'node:crypto';
import type { Event } from '../../core/entry.ts';
import type { ImportItem, ImportReader } from '../../core/import/read.ts';
import { LIMITS } from '../../core/limits.ts';
import type { ImportedRow } from '../../recorder/ops.ts';
import type { LookUp } from './known.ts';
import { countPassed, countRefused, type Ended, type Totals } from './totals.ts';

export interface FeedOptions {
  readonly source: AsyncIterable<Uint8Array>;
  readonly reader: ImportReader;
  readonly lookUp: LookUp;
  /** As `lookUp`, of the log as it is now: for rows whose ids came into it since the import began. */
  readonly lookAgain?: LookUp;
  /** Absent: nothing is written (--dry-run), and what would be is counted as recorded. */
  readonly send?: (rows: readonly Event[]) => Promise<readonly ImportedRow[]>;
  readonly strict: boolean;
  readonly signal: AbortSignal;
  readonly totals: Totals;
  readonly onBytes: (bytes: number) => void;
}

/** A line whose events may go to the writer in several messages. */
interface OpenLine {
  readonly line: number;
  left: number;
  recorded: number;
  why?: string;
}

interface Waiting {
  readonly event: Event;
  readonly of: OpenLine;
}

export async function feed(options: FeedOptions): Promise<Ended> {
  const { source, reader, totals, strict, signal } = options;
  const hash = createHash('sha256');
  let bytes = 0;
  let waiting: Waiting[] = [];
  let size = 0;
  /** Beginnings whose ids somebody else has: what ends them here would end that. */
  const taken = new Set<string>();

  function settle(of: OpenLine, told: { readonly recorded: boolean } | { readonly why: string }): void {
    if ('why' in told) of.why ??= told.why;
    else if (told.recorded) of.recorded++;
    if (--of.left > 0) return;
    if (of.why !== undefined) countRefused(totals, of.line, of.why);
    else if (of.recorded > 0) totals.lines.imported++;
    else totals.lines.skipped++;
  }

  function found(of: OpenLine, recorded: boolean): void {
    if (recorded) totals.entries.recorded++;
    else totals.entries.already_there++;
    settle(of, { recorded });
  }

  function refuseTaken({ event, of }: Waiting, index: number): void {
    if (event.id !== undefined && event.phase === 'pre_exec' && taken.size < LIMITS.rememberedCalls)
      taken.add(event.id);
    settle(of, { why: `its id is that of entry ${index}, which is another record` });
  }

  /** An id that the log did not have when it was looked up may be of another import of the file, or of anybody. */
  async function settleKnown(ones: readonly Waiting[]): Promise<void> {
    if (ones.length === 0) return;
    const told = (await options.lookAgain?.(ones.map(({ event }) => event))) ?? [];
    ones.forEach((one, i) => {
      const now = told[i];
      if (now !== undefined && 'taken' in now) refuseTaken(one, now.taken);
      else found(one.of, false);
    });
  }

  async function flush(): Promise<void> {
    const batch = waiting;
    waiting = [];
    size = 0;
    const known = await options.lookUp(batch.map(({ event }) => event));
    const fresh: Waiting[] = [];
    batch.forEach((one, i) => {
      const told = known[i];
      if (told === undefined || ('known' in told && !told.known)) fresh.push(one);
      else if ('taken' in told) refuseTaken(one, told.taken);
      else found(one.of, false);
    });
    const free = fresh.filter(({ event, of }) => {
      const lost = event.phase === 'post_exec' && taken.has(event.parent_id ?? '');
      if (lost) settle(of, { why: 'what it ends is not recorded: its id is that of another record' });
      return !lost;
    });
    if (free.length === 0) return;
    const rows = await options.send?.(free.map(({ event }) => event));
    const already: Waiting[] = [];
    free.forEach((one, i) => {
      const row = rows?.[i];
      if (row !== undefined && 'refused' in row) settle(one.of, { why: row.refused });
      else if (row?.known === true) already.push(one);
      else found(one.of, true);
    });
    await settleKnown(already);
  }

  async function take(item: ImportItem): Promise<void> {
    totals.lines.read++;
    if ('passed' in item) return countPassed(totals, item.passed);
    if ('refused' in item) return countRefused(totals, item.line, item.refused);
    totals.cut += item.cut;
    const of: OpenLine = { line: item.line, left: item.events.length, recorded: 0 };
    for (const event of item.events) {
      const room = Buffer.byteLength(JSON.stringify(event));
      if (room > LIMITS.importBatchBytes) {
        settle(of, { why: `an event of it has ${room} bytes; no entry holds that` });
        continue;
      }
      if (waiting.length >= LIMITS.importRows || size + room > LIMITS.importBatchBytes) await flush();
      waiting.push({ event, of });
      size += room;
    }
  }

  /** False when it has to end here. */
  async function takeAll(items: readonly ImportItem[]): Promise<boolean> {
    for (const item of items) {
      if (signal.aborted) return false;
      // What the writer refuses is known only when it has answered.
      if (strict && waiting.length > 0 && 'refused' in item) await flush();
      if (strict && totals.lines.refused > 0) return false;
      await take(item);
    }
    return !(strict && totals.lines.refused > 0);
  }

  async function readAll(): Promise<boolean> {
    for await (const chunk of source) {
      if (signal.aborted) return false;
      bytes += chunk.length;
      hash.update(chunk);
      if (!(await takeAll(reader.push(chunk)))) return false;
      options.onBytes(bytes);
    }
    // A source that was ended by an interruption looks like one at its end.
    return !signal.aborted && takeAll(reader.end());
  }

  const whole = await readAll();
  await flush();
  const chain = whole ? reader.verdict() : undefined;
  return {
    status: whole ? 'done' : signal.aborted ? 'interrupted' : 'strict',
    bytes,
    ...(whole ? { sha256: hash.digest('hex') } : {}),
    unpaired: reader.unpaired(),
    ...(chain === undefined ? {} : { chain }),
  };
}
