/** Lines of a segment with their places, from raw blocks. Flat memory: one line that straddles two blocks is copied. */

import { LIMITS } from '../core/limits.ts';
import type { LogReader, Segment } from '../core/ports.ts';
import { leafHashInPlace } from '../core/tlog/tree.ts';

export interface Line {
  /** `bytes[start, end)` is the line without its newline; `bytes[start - 1]` exists and may be overwritten. */
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
  /** Byte offset of the line in its segment. */
  readonly offset: number;
  /**
   * False for the last line when no newline ends it, and for one that is longer than an entry can be, of which perhaps no
   * byte is here.
   */
  readonly whole: boolean;
}

const NEWLINE = 0x0a;
const SPARE = Buffer.of(0);

/**
 * Calls `onLine` for each line in order from byte `from`, the start of a line, and stops when it returns false. Memory: a
 * block and an entry, whatever the file holds; a crash of the machine or an attacker may leave gigabytes without an end.
 */
export async function scanLines(
  reader: LogReader,
  first: number,
  onLine: (line: Line) => boolean,
  from = 0,
): Promise<void> {
  let carry: Buffer = Buffer.alloc(0);
  /** Bytes of the unfinished line that were let go, once it was too long. */
  let dropped = 0;
  let offset = from;

  /** False when `onLine` wants no more. */
  const give = (bytes: Buffer, start: number, end: number): boolean => {
    const whole = dropped === 0 && end - start <= LIMITS.entryBytes;
    const goOn = onLine({ bytes, start, end, offset, whole });
    offset += dropped + end + 1 - start;
    dropped = 0;
    return goOn;
  };

  const hold = (bytes: Buffer): void => {
    if (dropped === 0 && carry.length + bytes.length <= LIMITS.entryBytes) {
      carry = Buffer.concat([carry, bytes]);
      return;
    }
    dropped += carry.length + bytes.length;
    carry = Buffer.alloc(0);
  };

  for await (const raw of reader.read(first, from)) {
    const block = Buffer.from(raw.buffer, raw.byteOffset, raw.length);
    let start = block.indexOf(NEWLINE) + 1;
    if (start === 0) {
      hold(block);
      continue;
    }
    // The line that began in an older block is copied, with a spare byte in front: it is hashed in place too.
    const straddling = Buffer.concat([SPARE, carry, block.subarray(0, start)]);
    if (!give(straddling, 1, straddling.length - 1)) return;
    for (let end = block.indexOf(NEWLINE, start); end !== -1; end = block.indexOf(NEWLINE, start)) {
      if (!give(block, start, end)) return;
      start = end + 1;
    }
    carry = Buffer.alloc(0);
    hold(block.subarray(start));
  }
  if (carry.length + dropped > 0) {
    const bytes = Buffer.concat([SPARE, carry]);
    onLine({ bytes, start: 1, end: bytes.length, offset, whole: false });
  }
}

type OnEntry = (line: Line, index: number) => void;

/** Calls `onLine` for the entries `from` to `to - 1`, by their place in the log, in order. */
export async function scanEntries(
  reader: LogReader,
  from: number,
  to: number,
  onLine: OnEntry,
): Promise<void> {
  if (from >= to) return;
  await scanWithin(reader, await reader.segments(), from, to, onLine);
}

/**
 * Calls `onLine` for the entries at `indices`, in the order of the log. However many they are, no part of the log is read
 * twice: thousands of actions can be open in one segment.
 */
export async function scanEntriesAt(
  reader: LogReader,
  indices: readonly number[],
  onLine: OnEntry,
): Promise<void> {
  if (indices.length === 0) return;
  const wanted = new Set(indices);
  const segments = await reader.segments();
  for (const [from, to] of stretches(
    segments,
    [...wanted].sort((a, b) => a - b),
  ))
    await scanWithin(reader, segments, from, to, (line, index) => {
      if (wanted.has(index)) onLine(line, index);
    });
}

/** What is read in one go: a plain segment is read from its start in any case, a sealed one from the start of any frame. */
function stretches(segments: readonly Segment[], sorted: readonly number[]): readonly [number, number][] {
  const found = new Map<string, [number, number]>();
  for (const index of sorted) {
    const at = Math.max(0, startingAt(segments, index));
    const frame = segments[at]?.sealed ? Math.floor(index / LIMITS.tileWidth) : 0;
    const stretch = found.get(`${at}/${frame}`);
    if (stretch === undefined) found.set(`${at}/${frame}`, [index, index + 1]);
    else stretch[1] = index + 1;
  }
  return [...found.values()];
}

/** Of the segment that has `index`, its place in the list; -1 when all begin behind it. */
function startingAt(segments: readonly Segment[], index: number): number {
  return segments.findLastIndex(({ first }) => first <= index);
}

async function scanWithin(
  reader: LogReader,
  segments: readonly Segment[],
  from: number,
  to: number,
  onLine: OnEntry,
): Promise<void> {
  for (const { first } of segments.slice(Math.max(0, startingAt(segments, from)))) {
    if (first >= to) return;
    const near = await reader.seek(first, Math.max(first, from));
    let index = near.index;
    await scanLines(
      reader,
      first,
      (line) => {
        if (index >= from) onLine(line, index);
        return ++index < to;
      },
      near.offset,
    );
  }
}

export function lineText({ bytes, start, end }: Line): string {
  return bytes.toString('utf8', start, end);
}

/** The line's leaf hash: base64, and its 32 bytes into `out`. */
export function lineLeaf({ bytes, start, end }: Line, out: Uint8Array): string {
  return leafHashInPlace(bytes, start, end, out);
}

/** Whether the line contains `text`. A cheap first look: nested fields can say the same, so parse before believing. */
export function lineMentions({ bytes, start, end }: Line, text: string): boolean {
  // The view bounds the search: without it each miss would scan to the end of the block.
  return bytes.subarray(start, end).includes(text, 0, 'latin1');
}

const TYPE_KEY = Buffer.from('"type":"');
const QUOTE = 0x22;

/**
 * The entry's type, without parsing it. In canonical JSON `type` and `v` are the last keys of ours, so the search from
 * the end finds it at once. A field from the future that sorts behind them and has a `type` inside would hide it: fine
 * for the recorder's own entries, which have no such field; never a basis for anything a client wrote.
 */
export function lineType({ bytes, start, end }: Line): string {
  const line = bytes.subarray(start, end);
  const key = line.lastIndexOf(TYPE_KEY);
  if (key === -1) return '';
  const from = key + TYPE_KEY.length;
  return line.toString('latin1', from, line.indexOf(QUOTE, from));
}
