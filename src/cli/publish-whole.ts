/**
 * Whether a publication still has every file below the entry that it is gone on from. Names and sizes are looked at, and
 * no published file is read: that is fast, however much was published. What the bytes are, `--full` looks at, and every
 * reader does.
 */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { LogReader, Segment } from '../core/ports.ts';
import { bundlePath, TILE_BYTES, TILE_WIDTH, tilePath, tilesOf } from '../core/tlog/tile.ts';

const NEWLINE = 0x0a;

/** The first thing that is not as it was published. `size`, a multiple of 256, is how much of it was. */
export async function publishedFault(
  directory: string,
  reader: LogReader,
  size: number,
): Promise<string | undefined> {
  for (const tile of tilesOf(size)) {
    if (tile.width < TILE_WIDTH) continue;
    const path = tilePath(tile);
    const bytes = sizeOf(directory, path);
    if (bytes === undefined) return `${path} is gone`;
    if (bytes !== TILE_BYTES) return `${path} has ${bytes} bytes, and a full tile ${TILE_BYTES}`;
  }
  // Bundles of entries that were pruned here cannot be made again, so nobody looks for them.
  const segments = await reader.segments();
  for (const [i, segment] of segments.entries()) {
    if (segment.first >= size) break;
    const next = segments[i + 1]?.first;
    const fault =
      next !== undefined && next <= size
        ? bundlesFault(directory, segment.first, next, segment.bytes)
        : bundlesFault(directory, segment.first, size, await bytesUpTo(reader, segment, size));
    if (fault !== undefined) return fault;
  }
  return undefined;
}

/**
 * Of the bundles of entries `from` to `to`, whose lines have `lines` bytes. A bundle has two bytes before each entry where
 * the log has a newline after it, so together they have one byte an entry more.
 */
function bundlesFault(directory: string, from: number, to: number, lines: number): string | undefined {
  let total = 0;
  for (let at = from; at < to; at += TILE_WIDTH) {
    const path = bundlePath({ index: at / TILE_WIDTH, width: TILE_WIDTH });
    const bytes = sizeOf(directory, path);
    if (bytes === undefined) return `${path} is gone`;
    total += bytes;
  }
  const wanted = lines + (to - from);
  if (total === wanted) return undefined;
  return `the bundles of entries ${from} to ${to - 1} have ${total} bytes, and these entries make ${wanted}`;
}

/** Of the lines of a segment before entry `end`. The table of a sealed one says it; of the newest, lines are counted. */
async function bytesUpTo(reader: LogReader, { first, sealed }: Segment, end: number): Promise<number> {
  const near = sealed ? await reader.seek(first, end) : { index: first, offset: 0 };
  let { index, offset } = near;
  if (index === end) return offset;
  for await (const block of reader.read(first, offset)) {
    for (let at = block.indexOf(NEWLINE); at !== -1; at = block.indexOf(NEWLINE, at + 1))
      if (++index === end) return offset + at + 1;
    offset += block.length;
  }
  return offset;
}

function sizeOf(directory: string, path: string): number | undefined {
  const found = statSync(join(directory, path), { throwIfNoEntry: false });
  return found?.isFile() === true ? found.size : undefined;
}
