/** What a follower of the log makes of each line: a row when it is wanted, and a word where something is missing. */
import type { Interruption } from '../../../core/live/interruptions.ts';
import { watchInterruptions } from '../../../core/live/interruptions.ts';
import { numberAt } from '../../../core/query/fields.ts';
import type { LogFilter } from '../../../core/query/filter.ts';
import { parseLine } from '../../../core/query/line.ts';
import { createPairing, wants } from '../../../core/query/pairing.ts';
import { segmentName } from '../../../store/file/names.ts';
import type { RowPrinter } from './row-printer.ts';

export interface TailPrinter extends RowPrinter {
  /** In its place between the rows. */
  interruption(told: Interruption): Promise<void>;
  damaged(what: string): Promise<void>;
}

/** Where a line stands. */
export interface Where {
  /** First index of its segment. */
  readonly first: number;
  readonly offset: number;
}

export interface TailWatch {
  /** An entry before the first that is shown: it may have begun a call, or be the last one before a pause. */
  recall(line: Buffer): void;
  /** The next line of the log. `index`: by its place, where that is known. */
  take(line: Buffer, where: Where, index?: number): Promise<void>;
  /** What cannot be read. */
  lost(from: number, to: number, why: string): Promise<void>;
  /** The files are other ones now: the next index may be any. */
  restart(): void;
  /** The first entry that was not seen. */
  readonly next: number | undefined;
}

export function createTailWatch(filter: LogFilter, print: TailPrinter): TailWatch {
  const pairing = createPairing();
  const interruptions = watchInterruptions();
  let next: number | undefined;

  return {
    get next() {
      return next;
    },
    recall(line) {
      const parsed = parseLine(line);
      const index = 'entry' in parsed ? numberAt(parsed.entry, 'index') : undefined;
      if (!('entry' in parsed) || index === undefined) return;
      pairing.pair(parsed.entry);
      interruptions.see(index, Buffer.from(line));
      next = index + 1;
    },
    async take(line, { first, offset }, place) {
      const parsed = parseLine(line);
      if ('malformed' in parsed) {
        await print.damaged(
          `entries/${segmentName(first)} at byte ${offset} is no entry: ${parsed.malformed}`,
        );
        if (next !== undefined) next++;
        return;
      }
      const index = numberAt(parsed.entry, 'index') ?? place;
      if (index !== undefined) {
        if (next !== undefined && index > next)
          await print.interruption({ kind: 'missing', from: next, to: index });
        // A copy: it is looked at again when the block around it is gone.
        const told = interruptions.see(index, Buffer.from(line));
        if (told !== undefined) await print.interruption(told);
        next = index + 1;
      }
      const paired = pairing.pair(parsed.entry);
      if (wants(paired, filter)) await print.row({ facts: paired.facts, line });
    },
    async lost(from, to, why) {
      await print.interruption({ kind: 'damaged', from, to, why });
      next = to;
    },
    restart() {
      next = undefined;
    },
  };
}
