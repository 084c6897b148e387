/** One reading of a log for a list: hits as they are found, newest first, and at the end what was and was not seen. */
import { numberAt } from '../core/query/fields.ts';
import type { LogFilter } from '../core/query/filter.ts';
import { parseLine } from '../core/query/line.ts';
import type { Place } from '../core/query/scan.ts';
import { createScan, type Hit, type Malformed } from '../core/query/scan.ts';
import { readBackwards } from '../store/file/backwards.ts';

export interface ReadingSummary {
  /** Entries that were looked at. */
  readonly scanned: number;
  /** Whether everything that could match was looked at. */
  readonly complete: boolean;
  /** Older entries that nobody looked at: at most so many more may match. */
  readonly older: number;
  readonly malformed: { readonly count: number; readonly lines: readonly Malformed[] };
}

export interface Reading {
  hits(): AsyncGenerator<Hit>;
  /** After the last hit. */
  summary(): ReadingSummary;
  /** Behind the newest entry when the reading began. */
  readonly end: Place | undefined;
}

export interface ReadingOptions {
  readonly filter: LogFilter;
  readonly raw: boolean;
  readonly limit: number;
}

export async function readLog(directory: string, options: ReadingOptions): Promise<Reading> {
  const backwards = await readBackwards(directory);
  const scan = createScan(options);
  const overlong: Malformed[] = [];
  /** Index of the oldest entry that was looked at: entries are numbered without holes. */
  let oldest: number | undefined;
  let wholeLog = false;

  return {
    end: backwards.end,
    async *hits() {
      for await (const block of backwards.blocks()) {
        for (const { first, offset, bytes } of block.overlong) {
          overlong.push({ first, offset, why: `${bytes} bytes without an end of line` });
        }
        const before = scan.scanned();
        yield* scan.take(block);
        const taken = scan.scanned() - before;
        oldest = indexIn(block.bytes, block.bounds, block.bounds.length / 2 - taken) ?? oldest;
        if (scan.over()) break;
      }
      wholeLog = !scan.over();
      if (!scan.over() || scan.reachedSince()) yield* scan.finish();
    },
    summary() {
      const { count, some } = scan.malformed();
      const older = wholeLog ? 0 : (oldest ?? 0);
      return {
        scanned: scan.scanned(),
        complete: wholeLog || scan.reachedSince() || older === 0,
        older: scan.reachedSince() ? 0 : older,
        malformed: { count: count + overlong.length, lines: [...overlong, ...some] },
      };
    },
  };
}

/** The index that the line at `place` of a block carries; undefined when it is no entry. */
function indexIn(bytes: Buffer, bounds: readonly number[], place: number): number | undefined {
  const start = bounds[2 * place];
  if (start === undefined) return undefined;
  const parsed = parseLine(bytes.subarray(start, bounds[2 * place + 1]));
  return 'entry' in parsed ? numberAt(parsed.entry, 'index') : undefined;
}
