/** Reads a sealed segment frame by frame from its table, each frame checked before a byte of it is used. */
import type { FileHandle } from 'node:fs/promises';
import { LIMITS } from '../../core/limits.ts';
import type { SegmentDamage } from '../../core/ports.ts';
import {
  decodeSeekTable,
  type Frame,
  SEEK_TABLE_MOST_BYTES,
  type SeekTable,
} from '../../core/sealed/table.ts';
import { readFully } from './fs.ts';
import { salvage } from './salvage.ts';
import { segmentDamaged } from './sealed-damage.ts';
import { decompressFrame } from './zstd.ts';

/** Frames read and decompressed in the thread pool while the caller works on the one before. */
const AHEAD = 4;

/** The table of an open file, or what is wrong with it. One read. */
export async function readTable(handle: FileHandle): Promise<SeekTable | string> {
  const { size } = await handle.stat();
  const tail = Buffer.alloc(Math.min(size, SEEK_TABLE_MOST_BYTES));
  const length = await readFully(handle, tail, size - tail.length);
  return length < tail.length ? 'the file became shorter while it was read' : decodeSeekTable(tail, size);
}

/** The lines of one frame, or what is wrong with it. The bytes are the caller's. */
export async function readFrame(handle: FileHandle, { at, length, bytes }: Frame): Promise<Buffer | string> {
  const frame = Buffer.allocUnsafe(length);
  if ((await readFully(handle, frame, at)) < length) return 'the file became shorter while it was read';
  return decompressFrame(frame, bytes);
}

export function frameAt({ frames }: SeekTable, position: number): number {
  let low = 0;
  let high = frames.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const frame = frames[middle];
    if (frame !== undefined && frame.start + frame.bytes <= position) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The contract of `LogReader.read` for an open sealed file. */
export async function* sealedBlocks(
  handle: FileHandle,
  segment: number,
  offset: number,
  onDamage: ((damage: SegmentDamage) => void) | undefined,
): AsyncGenerator<Buffer> {
  const tell =
    onDamage ??
    ((damage: SegmentDamage): never => {
      throw segmentDamaged(damage);
    });
  const table = await readTable(handle);
  if (typeof table !== 'string') {
    yield* tabledBlocks(handle, segment, table, offset, tell);
    return;
  }
  if (onDamage === undefined) throw segmentDamaged({ segment, why: table });
  let skip = offset;
  for await (const block of salvage(handle, segment, table, onDamage)) {
    if (skip < block.length) yield block.subarray(skip);
    skip = Math.max(0, skip - block.length);
  }
}

async function* tabledBlocks(
  handle: FileHandle,
  segment: number,
  table: SeekTable,
  offset: number,
  tell: (damage: SegmentDamage) => void,
): AsyncGenerator<Buffer> {
  const { frames } = table;
  const ahead: Promise<Buffer | string>[] = [];
  let next = frameAt(table, offset);
  const fill = (): void => {
    for (; ahead.length < AHEAD; next++) {
      const frame = frames[next];
      if (frame === undefined) return;
      const reading = readFrame(handle, frame);
      // Whoever stops reading early leaves some unread.
      reading.catch(() => undefined);
      ahead.push(reading);
    }
  };
  try {
    for (let number = next; ; number++) {
      fill();
      const frame = frames[number];
      const lines = await ahead.shift();
      if (frame === undefined || lines === undefined) return;
      if (typeof lines === 'string') {
        const from = segment + number * LIMITS.tileWidth;
        tell({ segment, why: `frame ${number}: ${lines}`, lost: { from, to: from + LIMITS.tileWidth } });
      } else yield lines.subarray(Math.max(0, offset - frame.start));
    }
  } finally {
    // The caller closes the file next.
    await Promise.allSettled(ahead);
  }
}
