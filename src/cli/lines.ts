import { TallyError } from '../core/error.ts';
import { LIMITS } from '../core/limits.ts';
import type { LogReader } from '../core/ports.ts';

const NEWLINE = 0x0a;

/**
 * The stored lines `from` to `to - 1`, by their place in the log (not by what they say of themselves), without their
 * newlines. Reads a plain segment from its start, some ten megabytes, and one frame of a sealed one. Fewer lines when the log is shorter.
 * Of a line that is longer than an entry can be not all bytes are there, but more than of an entry.
 */
export async function readLines(reader: LogReader, from: number, to: number): Promise<Buffer[]> {
  const lines: Buffer[] = [];
  if (from >= to) return lines;
  const segments = await reader.segments();
  const start = segments.findLastIndex(({ first }) => first <= from);
  const first = segments[0]?.first;
  if (first === undefined) return lines;
  if (start === -1) {
    throw new TallyError(
      'NOT_FOUND',
      `entry ${from} is not there any more: this log begins at entry ${first}`,
      {
        hint: '`tally log list --type log.prune` shows who had what is before removed, and when, and `tally verify` whether that is all',
        details: { index: from, first },
      },
    );
  }
  for (const { first } of segments.slice(start)) {
    if (first >= to) break;
    const near = await reader.seek(first, Math.max(first, from));
    let { index } = near;
    let carry: Buffer = Buffer.alloc(0);
    for await (const block of reader.read(first, near.offset)) {
      const bytes =
        carry.length === 0
          ? Buffer.from(block.buffer, block.byteOffset, block.length)
          : Buffer.concat([carry, block]);
      let at = 0;
      for (let end = bytes.indexOf(NEWLINE); end !== -1 && index < to; end = bytes.indexOf(NEWLINE, at)) {
        if (index >= from) lines.push(Buffer.from(bytes.subarray(at, end)));
        index++;
        at = end + 1;
      }
      if (index >= to) return lines;
      // No entry is longer: of a line without an end it is enough to see that it is none.
      carry = Buffer.from(bytes.subarray(at, at + LIMITS.entryBytes + 1));
    }
  }
  return lines;
}
