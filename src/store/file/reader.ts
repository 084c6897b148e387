import { join } from 'node:path';
import type { LogReader, Segment } from '../../core/ports.ts';
import { openPlain, readError } from './fs.ts';
import { listSegments, type NamedSegment, plainSize, sealedName } from './names.ts';
import { fileObjects } from './objects.ts';
import { requireSegmentFile } from './segment.ts';
import type { SegmentFile } from './segment-file.ts';

/** Files open at once while the tables of sealed segments are read: far below any limit of the system. */
const AT_ONCE = 32;

/** Reads the log in `directory`. Takes no lock, so it works beside a running writer and on a read-only copy. */
export function fileReader(directory: string): LogReader {
  const entries = join(directory, 'entries');

  async function opened<T>(first: number, use: (file: SegmentFile) => Promise<T>): Promise<T> {
    const file = await requireSegmentFile(entries, first);
    try {
      return await use(file);
    } finally {
      await file.close();
    }
  }

  return {
    objects: fileObjects(directory),
    async segments() {
      const named = await listSegments(entries);
      const found: Segment[] = [];
      for (let at = 0; at < named.length; at += AT_ONCE) {
        const sized = await Promise.all(
          named.slice(at, at + AT_ONCE).map((segment) => withSize(entries, segment)),
        );
        found.push(...sized.filter((segment) => segment !== undefined));
      }
      return found;
    },
    async *read(first, offset = 0, onDamage = undefined) {
      const file = await requireSegmentFile(entries, first);
      try {
        yield* file.blocks(offset, onDamage);
      } finally {
        await file.close();
      }
    },
    seek: (first, index) => opened(first, (file) => file.seek(index)),
  };
}

/** Undefined when it is gone since it was listed, or no file. */
async function withSize(entries: string, { first, sealed }: NamedSegment): Promise<Segment | undefined> {
  const bytes = sealed ? undefined : await plainSize(entries, first);
  if (bytes !== undefined) return { first, bytes, sealed: false };
  const handle = await openPlain(join(entries, sealedName(first)));
  if (handle === undefined) return undefined;
  try {
    const { readTable } = await import('./sealed.ts');
    const table = await readTable(handle);
    const size = typeof table === 'string' ? (await handle.stat()).size : table.bytes;
    return { first, bytes: size, sealed: true };
  } catch (error) {
    throw readError(error, `cannot read ${join(entries, sealedName(first))}`);
  } finally {
    await handle.close();
  }
}
