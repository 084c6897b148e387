/** One segment for reading at any place, in whichever form it lies there. Places are those of its lines, uncompressed. */
import { readSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { openPlain, readFully } from './fs.ts';
import { sealedName, segmentName } from './names.ts';
import { segmentDamaged } from './sealed-damage.ts';
import type { SegmentFile } from './segment-file.ts';

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
  if (handle === undefined) return undefined;
  // With the decompressor: a log that is not large has none.
  const { sealedFile } = await import('./sealed-file.ts');
  return sealedFile(handle, first);
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
