/** Lines of a log from a place on, in portions that are small enough to let others have their turn in between. */
import { LIMITS } from '../../core/limits.ts';
import type { LogReader } from '../../core/ports.ts';

/** Before the entry at `index`: byte `offset` of the segment that begins with entry `first`. */
export interface LogPlace {
  readonly first: number;
  readonly offset: number;
  readonly index: number;
}

export interface LogLine {
  readonly index: number;
  /** Valid until the next portion is asked for. */
  readonly line: Buffer;
  /** Behind it. */
  readonly after: LogPlace;
}

const NEWLINE = 0x0a;
/** Some milliseconds of work. */
const PORTION = 256;

/** The entries from `place` to `upTo` - 1, as far as they are there. */
export async function* logLines(
  reader: LogReader,
  place: LogPlace,
  upTo: number,
): AsyncGenerator<readonly LogLine[]> {
  const segments = await reader.segments();
  let at = place;
  for (const [i, { first }] of segments.entries()) {
    if (first < at.first || at.index >= upTo) continue;
    // The beginning may have been pruned: what is gone is not waited for.
    if (first > at.first) at = { first, offset: 0, index: first };
    for await (const portion of inSegment(reader, at, upTo)) {
      at = portion.at(-1)?.after ?? at;
      yield portion;
    }
    const next = segments[i + 1];
    if (next !== undefined && next.first > at.index) return;
  }
}

async function* inSegment(
  reader: LogReader,
  place: LogPlace,
  upTo: number,
): AsyncGenerator<readonly LogLine[]> {
  let { offset, index } = place;
  let carry: Buffer = Buffer.alloc(0);
  let portion: LogLine[] = [];
  for await (const raw of reader.read(place.first, offset)) {
    const block = Buffer.from(raw.buffer, raw.byteOffset, raw.length);
    const bytes = carry.length === 0 ? block : Buffer.concat([carry, block]);
    let start = 0;
    for (let end = bytes.indexOf(NEWLINE); end !== -1; end = bytes.indexOf(NEWLINE, start)) {
      offset += end + 1 - start;
      const after = { first: place.first, offset, index: index + 1 };
      portion.push({ index, line: bytes.subarray(start, end), after });
      start = end + 1;
      index++;
      if (portion.length < PORTION && index < upTo) continue;
      yield portion;
      portion = [];
      if (index >= upTo) return;
    }
    if (portion.length > 0) yield portion;
    portion = [];
    carry = Buffer.from(bytes.subarray(start));
    // No entry is that long: what follows is damage, which verification names.
    if (carry.length > 2 * LIMITS.entryBytes) return;
  }
}
