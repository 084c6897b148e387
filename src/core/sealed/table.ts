/**
 * The table at the end of a sealed segment: where each frame lies, and what it decompresses to. It is the seek table of
 * zstd's seekable format (facebook/zstd, contrib/seekable_format, version 0.1.0), a skippable frame that plain zstd
 * tools pass over:
 *
 *     0x184D2A5E  size  (compressed size, decompressed size[, checksum])*  number of frames, descriptor, 0x8F92EAB1
 *
 * All numbers are little-endian, 4 bytes, the descriptor 1. The table is hostile until it agrees with the file.
 */
import { invariant } from '../error.ts';
import { LIMITS } from '../limits.ts';

/** One frame: its place in the file, and the place of its content in the segment. */
export interface Frame {
  readonly at: number;
  readonly length: number;
  readonly start: number;
  readonly bytes: number;
}

export interface SeekTable {
  readonly frames: readonly Frame[];
  /** What all frames decompress to. */
  readonly bytes: number;
}

const SKIPPABLE_MAGIC = 0x184d2a5e;
const SEEKABLE_MAGIC = 0x8f92eab1;
const HEAD_BYTES = 8;
const FOOT_BYTES = 9;
const ROW_BYTES = 8;
const CHECKSUM_BYTES = 4;
const CHECKSUM_FLAG = 0x80;
const RESERVED_BITS = 0x7c;
const MOST_FRAMES = LIMITS.segmentEntries / LIMITS.tileWidth;

/** The last bytes of a file that hold any table of ours whole. */
export const SEEK_TABLE_MOST_BYTES = HEAD_BYTES + MOST_FRAMES * (ROW_BYTES + CHECKSUM_BYTES) + FOOT_BYTES;

/** Without checksums: each frame ends with one of its own. */
export function encodeSeekTable(frames: readonly Pick<Frame, 'length' | 'bytes'>[]): Uint8Array {
  invariant(frames.length > 0 && frames.length <= MOST_FRAMES, 'a sealed segment has 1 to 256 frames');
  const table = new Uint8Array(HEAD_BYTES + frames.length * ROW_BYTES + FOOT_BYTES);
  const view = new DataView(table.buffer);
  view.setUint32(0, SKIPPABLE_MAGIC, true);
  view.setUint32(4, table.length - HEAD_BYTES, true);
  let at = HEAD_BYTES;
  for (const { length, bytes } of frames) {
    view.setUint32(at, length, true);
    view.setUint32(at + 4, bytes, true);
    at += ROW_BYTES;
  }
  view.setUint32(at, frames.length, true);
  view.setUint32(at + 5, SEEKABLE_MAGIC, true);
  return table;
}

/**
 * `tail` is the end of a file of `size` bytes: `SEEK_TABLE_MOST_BYTES` of it, or all. A text says what is wrong: a table
 * counts only when its frames and itself fill the file to the byte, and no frame can hold more than 256 entries.
 */
export function decodeSeekTable(tail: Uint8Array, size: number): SeekTable | string {
  const view = new DataView(tail.buffer, tail.byteOffset, tail.length);
  if (tail.length < HEAD_BYTES + ROW_BYTES + FOOT_BYTES) return 'the file is too short for its table';
  const foot = tail.length - FOOT_BYTES;
  if (view.getUint32(foot + 5, true) !== SEEKABLE_MAGIC) return 'the file does not end with its table';
  const count = view.getUint32(foot, true);
  const descriptor = view.getUint8(foot + 4);
  if ((descriptor & RESERVED_BITS) !== 0) return 'the table is of a kind that this version does not know';
  if (count === 0 || count > MOST_FRAMES) return `the table tells of ${count} frames`;
  const row = (descriptor & CHECKSUM_FLAG) === 0 ? ROW_BYTES : ROW_BYTES + CHECKSUM_BYTES;
  const length = HEAD_BYTES + count * row + FOOT_BYTES;
  const head = tail.length - length;
  if (head < 0) return 'the file is too short for its table';
  if (
    view.getUint32(head, true) !== SKIPPABLE_MAGIC ||
    view.getUint32(head + 4, true) !== length - HEAD_BYTES
  )
    return 'the table does not begin where its length says';

  const frames: Frame[] = [];
  let at = 0;
  let start = 0;
  for (let i = 0; i < count; i++) {
    const compressed = view.getUint32(head + HEAD_BYTES + i * row, true);
    const bytes = view.getUint32(head + HEAD_BYTES + i * row + 4, true);
    if (compressed === 0 || bytes === 0 || bytes > LIMITS.sealedFrameBytes)
      return `frame ${i} of the table has a size that no frame of 256 entries has`;
    frames.push({ at, length: compressed, start, bytes });
    at += compressed;
    start += bytes;
  }
  return at + length === size ? { frames, bytes: start } : 'the frames of the table do not fill the file';
}
