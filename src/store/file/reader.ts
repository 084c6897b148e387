import { open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { LogReader, Segment } from '../../core/ports.ts';
import { errno, storeError } from './fs.ts';
import { fileObjects } from './objects.ts';

const SEGMENT = /^(\d{12,})\.jsonl$/;
/** Large enough that a read costs less than hashing it, small enough to stay in cache and keep memory flat. */
const BLOCK = 4 * 1024 * 1024;

export function segmentName(first: number): string {
  return `${String(first).padStart(12, '0')}.jsonl`;
}

/** Reads the log in `directory`. Takes no lock, so it works beside a running writer and on a read-only copy. */
export function fileReader(directory: string): LogReader {
  const entries = join(directory, 'entries');
  return {
    objects: fileObjects(directory),
    async segments() {
      let names: string[];
      try {
        names = await readdir(entries);
      } catch (error) {
        if (errno(error) === 'ENOENT') return [];
        throw storeError(error, 'cannot list the segments of the log');
      }
      const found: Segment[] = [];
      for (const name of names) {
        const first = SEGMENT.exec(name)?.[1];
        if (first !== undefined)
          found.push({ first: Number(first), bytes: (await stat(join(entries, name))).size, sealed: false });
      }
      return found.sort((a, b) => a.first - b.first);
    },
    async *read(first, offset = 0) {
      const handle = await open(join(entries, segmentName(first)), 'r').catch((error: unknown) => {
        throw storeError(error, `cannot read segment ${segmentName(first)}`);
      });
      try {
        for (let position = offset; ; ) {
          const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(BLOCK), 0, BLOCK, position);
          if (bytesRead === 0) return;
          position += bytesRead;
          yield buffer.subarray(0, bytesRead);
        }
      } finally {
        await handle.close();
      }
    },
  };
}
