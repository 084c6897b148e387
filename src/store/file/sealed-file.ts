/** A sealed segment for reading at any place. */
import type { FileHandle } from 'node:fs/promises';
import { LIMITS } from '../../core/limits.ts';
import type { SeekTable } from '../../core/sealed/table.ts';
import { frameAt, readFrame, readTable, sealedBlocks } from './sealed.ts';
import { segmentDamaged } from './sealed-damage.ts';
import type { SegmentFile } from './segment-file.ts';

export async function sealedFile(handle: FileHandle, first: number): Promise<SegmentFile> {
  const { ino: inode } = await handle.stat();
  let table: SeekTable | undefined;
  /** First and last frame of the last read: the next one goes on at one of its edges, inside a frame. */
  const kept = new Map<number, Buffer>();

  async function theTable(): Promise<SeekTable> {
    if (table !== undefined) return table;
    const read = await readTable(handle);
    if (typeof read === 'string') throw segmentDamaged({ segment: first, why: read });
    table = read;
    return read;
  }

  async function linesOf({ frames }: SeekTable, number: number): Promise<Buffer | undefined> {
    const frame = frames[number];
    const lines = kept.get(number) ?? (frame === undefined ? undefined : await readFrame(handle, frame));
    if (typeof lines === 'string') {
      const from = first + number * LIMITS.tileWidth;
      throw segmentDamaged({
        segment: first,
        why: `frame ${number}: ${lines}`,
        lost: { from, to: from + LIMITS.tileWidth },
      });
    }
    return lines;
  }

  return {
    first,
    sealed: true,
    inode,
    size: async () => (await theTable()).bytes,
    async readAt(position, length) {
      const held = await theTable();
      const parts: Buffer[] = [];
      const used: [number, Buffer][] = [];
      for (let number = frameAt(held, position), left = length; left > 0; number++) {
        const frame = held.frames[number];
        const lines = await linesOf(held, number);
        if (frame === undefined || lines === undefined) break;
        used.push([number, lines]);
        const from = Math.max(0, position - frame.start);
        const part = lines.subarray(from, from + left);
        parts.push(part);
        left -= part.length;
      }
      kept.clear();
      for (const edge of [used[0], used.at(-1)]) if (edge !== undefined) kept.set(...edge);
      return Buffer.concat(parts);
    },
    blocks: (offset, onDamage) => sealedBlocks(handle, first, offset, onDamage),
    async seek(index) {
      const number = Math.floor((index - first) / LIMITS.tileWidth);
      const frame = (await theTable()).frames[number];
      return frame === undefined
        ? { index: first, offset: 0 }
        : { index: first + number * LIMITS.tileWidth, offset: frame.start };
    },
    close: () => handle.close(),
  };
}
