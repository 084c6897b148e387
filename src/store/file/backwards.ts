/**
 * Reads a log newest first, in blocks from the end, across segments. No lock: a running writer only appends behind the
 * place where the reading began.
 */
import { join } from 'node:path';
import { TallyError } from '../../core/error.ts';
import { LIMITS } from '../../core/limits.ts';
import type { LineBlock, Place } from '../../core/query/scan.ts';
import { fileReader } from './reader.ts';
import { requireSegmentFile } from './segment.ts';
import type { SegmentFile } from './segment-file.ts';

/** The first look is small: the newest twenty entries are what is asked for most. */
const FIRST_BLOCK = 64 * 1024;
const BLOCK = 4 * 1024 * 1024;
const NEWLINE = 0x0a;
/** A line that grows past this is no entry; it is passed over without being held in memory. */
const LONGEST_LINE = LIMITS.entryBytes * 2;

/** A line that is longer than any entry can be. */
export interface OverlongLine extends Place {
  readonly bytes: number;
}

export interface BackwardBlock extends LineBlock {
  readonly overlong: readonly OverlongLine[];
}

export interface Backwards {
  /** Behind the last whole line of the log when the reading began; undefined for a log without entries. */
  readonly end: Place | undefined;
  /** Bytes after it: a line that is being written, or was torn. */
  readonly unfinished: number;
  /** Bytes of all segments. */
  readonly bytes: number;
  /** Newest first; the lines within a block are in the order of the file. */
  blocks(): AsyncGenerator<BackwardBlock>;
}

/** Errors: `LOG_DAMAGED` when a file shrinks while it is read, or a sealed one cannot be; `LOG_UNREADABLE` from the disk. */
export async function readBackwards(directory: string): Promise<Backwards> {
  const segments = await fileReader(directory).segments();
  const newest = segments.findLast(({ bytes }) => bytes > 0);
  const unfinished = newest === undefined ? 0 : await unfinishedBytes(directory, newest.first, newest.bytes);

  return {
    end: newest === undefined ? undefined : { first: newest.first, offset: newest.bytes - unfinished },
    unfinished,
    bytes: segments.reduce((sum, { bytes }) => sum + bytes, 0),
    async *blocks() {
      let size = FIRST_BLOCK;
      for (const { first, bytes } of segments.toReversed()) {
        const end = first === newest?.first ? bytes - unfinished : bytes;
        for await (const block of segmentBackwards(directory, first, end, () => {
          const now = size;
          size = Math.min(BLOCK, size * 4);
          return now;
        }))
          yield block;
      }
    },
  };
}

async function readExactly(file: SegmentFile, position: number, length: number): Promise<Buffer> {
  const bytes = await file.readAt(position, length);
  if (bytes.length === length) return bytes;
  throw new TallyError('LOG_DAMAGED', 'a file of the log became shorter while it was read', {
    hint: 'nothing of ours does that to acknowledged entries: run `tally verify`',
  });
}

/** Bytes after the last newline. Torn tails are short: a longer one counts as a line that is no entry. */
async function unfinishedBytes(directory: string, first: number, size: number): Promise<number> {
  const file = await requireSegmentFile(join(directory, 'entries'), first);
  try {
    const length = Math.min(size, LONGEST_LINE);
    const tail = await readExactly(file, size - length, length);
    const last = tail.lastIndexOf(NEWLINE);
    return last === -1 && length < size ? 0 : length - 1 - last;
  } finally {
    await file.close();
  }
}

async function* segmentBackwards(
  directory: string,
  first: number,
  end: number,
  nextSize: () => number,
): AsyncGenerator<BackwardBlock> {
  if (end === 0) return;
  const file = await requireSegmentFile(join(directory, 'entries'), first);
  try {
    // The start of a line whose beginning is in an older block; `longer` counts what was dropped of an overlong one.
    let carry: Buffer = Buffer.alloc(0);
    let longer = 0;
    for (let to = end; to > 0; ) {
      const from = Math.max(0, to - nextSize());
      const read = await readExactly(file, from, to - from);
      to = from;
      const cut = from === 0 ? 0 : read.indexOf(NEWLINE) + 1;
      if (from > 0 && cut === 0) {
        // No line starts in this block.
        if (longer > 0 || read.length + carry.length > LONGEST_LINE) {
          longer += read.length + carry.length;
          carry = Buffer.alloc(0);
        } else carry = Buffer.concat([read, carry]);
        continue;
      }
      let bytes = read;
      const overlong: OverlongLine[] = [];
      if (longer > 0) {
        const start = read.lastIndexOf(NEWLINE) + 1;
        overlong.push({ first, offset: from + start, bytes: read.length - start + longer });
        bytes = read.subarray(0, start);
      } else if (carry.length > 0) bytes = Buffer.concat([read, carry]);
      longer = 0;
      carry = Buffer.from(read.subarray(0, cut));
      yield lineBlock(first, from + cut, bytes.subarray(cut), overlong);
    }
  } finally {
    await file.close();
  }
}

/** The whole lines in `bytes`, which starts with a line; a last one without a newline counts too. */
function lineBlock(
  first: number,
  offset: number,
  bytes: Buffer,
  overlong: readonly OverlongLine[],
): BackwardBlock {
  const bounds: number[] = [];
  let start = 0;
  for (let end = bytes.indexOf(NEWLINE); end !== -1; end = bytes.indexOf(NEWLINE, start)) {
    bounds.push(start, end);
    start = end + 1;
  }
  if (start < bytes.length) bounds.push(start, bytes.length);
  return { first, offset, bytes, bounds, overlong };
}
