/** The newest durable entries, in memory: subscribers are served from here, and read files only when they are further behind. */
import { LIMITS } from '../../core/limits.ts';
import type { DurableLines } from '../../recorder/durable.ts';

const NEWLINE = 0x0a;

export interface Recent {
  /** The oldest entry it holds; `to` when it holds none. */
  readonly from: number;
  /** Behind the newest one: everything below is durable. */
  readonly to: number;
  add(lines: DurableLines): void;
  /** Some of the entries from `from` on, which it holds, below `to`, in order. Answers how far it went: one piece. */
  each(from: number, to: number, visit: (index: number, line: Buffer) => void): number;
}

interface Held {
  readonly first: number;
  readonly count: number;
  readonly bytes: Buffer;
  /** Where each line starts, and the last one ends; made when somebody looks. */
  starts?: readonly number[];
}

/** `to`: everything below is in the files, and what is added follows it. */
export function createRecent(to: number): Recent {
  const held: Held[] = [];
  let bytes = 0;
  let next = to;

  function startsOf(batch: Held): readonly number[] {
    if (batch.starts !== undefined) return batch.starts;
    const starts = [0];
    for (let end = batch.bytes.indexOf(NEWLINE); end !== -1; end = batch.bytes.indexOf(NEWLINE, end + 1))
      starts.push(end + 1);
    batch.starts = starts;
    return starts;
  }

  return {
    get from() {
      return held[0]?.first ?? next;
    },
    get to() {
      return next;
    },
    add({ first, count, bytes: raw }) {
      held.push({ first, count, bytes: Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength) });
      bytes += raw.byteLength;
      next = first + count;
      while (bytes > LIMITS.liveRecentBytes && held.length > 1) bytes -= held.shift()?.bytes.length ?? 0;
    },
    each(from, end, visit) {
      let index = from;
      let left = LIMITS.liveSliceBytes;
      for (let at = held.findLastIndex(({ first }) => first <= from); index < end && left > 0; at++) {
        const batch = held[at];
        if (batch === undefined) break;
        const starts = startsOf(batch);
        for (; index < Math.min(end, batch.first + batch.count) && left > 0; index++) {
          const line = batch.bytes.subarray(
            starts[index - batch.first],
            (starts[index - batch.first + 1] ?? 1) - 1,
          );
          left -= line.length;
          visit(index, line);
        }
      }
      return index;
    },
  };
}
