/** Segments of small entries, plain and sealed, for tests that need many of them. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { LogReader, SegmentDamage } from '../../src/core/ports.ts';
import { decodeSeekTable, SEEK_TABLE_MOST_BYTES, type SeekTable } from '../../src/core/sealed/table.ts';
import { sealedName } from '../../src/store/file/names.ts';
import { openFileStore } from '../../src/store/file/store.ts';

/** Lines `from` to `to - 1`: JSON with an index, of different lengths. */
export function linesOf(from: number, to: number): string {
  let text = '';
  for (let index = from; index < to; index++)
    text += `{"index":${index},"note":"${'n'.repeat((index * 31) % 97)}"}\n`;
  return text;
}

/** A store in `directory` with these segments, written and, those named in `sealed`, sealed. */
export async function writeSegments(
  directory: string,
  bounds: readonly number[],
  sealed: readonly number[],
): Promise<void> {
  const store = await openFileStore(directory);
  for (const [i, first] of bounds.slice(0, -1).entries()) {
    await store.openSegment(first);
    await store.append(Buffer.from(linesOf(first, bounds[i + 1] ?? first)));
  }
  for (const first of sealed) await store.seal(first);
  await store.close();
}

export const sealedPath = (directory: string, first: number): string =>
  join(directory, 'entries', sealedName(first));

export async function tableOf(path: string): Promise<SeekTable> {
  const bytes = await readFile(path);
  const table = decodeSeekTable(bytes.subarray(-SEEK_TABLE_MOST_BYTES), bytes.length);
  if (typeof table === 'string') throw new Error(table);
  return table;
}

/** Rewrites a file of the log. */
export async function alter(path: string, change: (bytes: Buffer) => Uint8Array): Promise<void> {
  await writeFile(path, change(await readFile(path)));
}

/** Everything that is left of a segment, and what was told to be wrong with it. */
export async function left(
  reader: LogReader,
  first: number,
): Promise<{ readonly text: string; readonly damage: readonly SegmentDamage[] }> {
  const damage: SegmentDamage[] = [];
  let text = '';
  for await (const block of reader.read(first, 0, (each) => damage.push(each)))
    text += Buffer.from(block).toString('utf8');
  return { text, damage };
}
