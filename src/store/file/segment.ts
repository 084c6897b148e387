/** One segment for reading at any place, in whichever form it lies there. Places are those of its lines, uncompressed. */
import { readSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { LIMITS } from '../../core/limits.ts';
import type { SegmentDamage } from '../../core/ports.ts';
import type { SeekTable } from '../../core/sealed/table.ts';
import { openPlain, readFully } from './fs.ts';
import { sealedName, segmentName } from './names.ts';
import { frameAt, readFrame, readTable, sealedBlocks, segmentDamaged } from './sealed.ts';

export interface SegmentFile {
  readonly first: number;
  readonly sealed: boolean;
  /** Of the file that is open, whatever lies under its name by now. */
  readonly inode: number;
  /** Bytes of its lines so far. `LOG_DAMAGED` when a sealed one has no table that counts. */
  size(): Promise<number>;
  /** At most `length` bytes from `position` on, fewer only where the lines end. `LOG_DAMAGED` for a damaged frame. */
  readAt(position: number, length: number): Promise<Buffer>;
  /**
   * The same at once, of a file that lies there plain: for some kilobytes, mostly in memory, the way to another thread and
   * back takes longer than the reading, and much longer where others keep the processor busy.
   */
  readNow?(position: number, length: number): Buffer;
  /** The contract of `LogReader.read`. */
  blocks(offset: number, onDamage?: (damage: SegmentDamage) => void): AsyncIterable<Buffer>;
  /** The contract of `LogReader.seek`. */
  seek(index: number): Promise<{ readonly index: number; readonly offset: number }>;
  close(): Promise<void>;
}

/** Large enough that a read costs less than hashing it, small enough to stay in cache and keep memory flat. */
const BLOCK = 4 * 1024 * 1024;

/** The plain form is taken away only when the sealed one is durable: looking for it first finds one of them. */
export async function openSegmentFile(entries: string, first: number): Promise<SegmentFile | undefined> {
  return (await openPlainFile(entries, first)) ?? (await openSealedFile(entries, first));
}

export async function openPlainFile(entries: string, first: number): Promise<SegmentFile | undefined> {
  const handle = await openPlain(join(entries, segmentName(first)));
  return handle === undefined ? undefined : plainFile(handle, first);
}

/** `path`: of one that has not got its name yet. */
export async function openSealedFile(
  entries: string,
  first: number,
  path = join(entries, sealedName(first)),
): Promise<SegmentFile | undefined> {
  const handle = await openPlain(path);
  return handle === undefined ? undefined : sealedFile(handle, first);
}

/** Errors: `LOG_DAMAGED` when it is not there, though it was listed. */
export async function requireSegmentFile(entries: string, first: number): Promise<SegmentFile> {
  const file = await openSegmentFile(entries, first);
  if (file === undefined) throw segmentDamaged({ segment: first, why: 'the file is not there any more' });
  return file;
}

async function plainFile(handle: FileHandle, first: number): Promise<SegmentFile> {
  const { ino: inode } = await handle.stat();
  return {
    first,
    sealed: false,
    inode,
    size: async () => (await handle.stat()).size,
    async readAt(position, length) {
      const bytes = Buffer.allocUnsafe(length);
      return bytes.subarray(0, await readFully(handle, bytes, position));
    },
    readNow(position, length) {
      const bytes = Buffer.allocUnsafe(length);
      let done = 0;
      for (let read = -1; read !== 0 && done < length; done += read)
        read = readSync(handle.fd, bytes, done, length - done, position + done);
      return bytes.subarray(0, done);
    },
    async *blocks(offset) {
      const readBlock = (at: number) => handle.read(Buffer.allocUnsafe(BLOCK), 0, BLOCK, at);
      let position = offset;
      let reading = readBlock(position);
      for (;;) {
        const { buffer, bytesRead } = await reading;
        if (bytesRead === 0) return;
        position += bytesRead;
        // The next one is read while the caller works on this one. Who ends early leaves it unread.
        reading = readBlock(position);
        reading.catch(() => undefined);
        try {
          yield buffer.subarray(0, bytesRead);
        } finally {
          await Promise.allSettled([reading]);
        }
      }
    },
    seek: async () => ({ index: first, offset: 0 }),
    close: () => handle.close(),
  };
}

async function sealedFile(handle: FileHandle, first: number): Promise<SegmentFile> {
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
