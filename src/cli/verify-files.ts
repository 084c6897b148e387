/** What the files of a log directory are called and hold, as far as the entries do not say it by themselves. */
import { open, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256Hex } from '../core/hash.ts';
import { LIMITS } from '../core/limits.ts';
import type { LogReader } from '../core/ports.ts';
import { numberAt } from '../core/query/fields.ts';
import { parseLine } from '../core/query/line.ts';
import type { TornFile } from '../core/query/recovery.ts';
import { TILE_WIDTH } from '../core/tlog/tile.ts';
import { errno } from '../store/file/fs.ts';
import { segmentName } from '../store/file/names.ts';

/**
 * Segments whose name is not the index of their first entry, or no multiple of 256, each with the reason. The recorder
 * refuses such a log: a pass here would promise what the next start takes back.
 */
export async function misnamedSegments(directory: string, reader: LogReader): Promise<readonly string[]> {
  const segments = await reader.segments();
  const wrong: string[] = [];
  const [lowest] = segments;
  if (lowest !== undefined && lowest.first !== 0)
    wrong.push(`${segmentName(lowest.first)} is the first segment, which starts at 0`);
  for (const { first } of segments) {
    if (first % TILE_WIDTH !== 0)
      wrong.push(`${segmentName(first)} is named by no multiple of ${TILE_WIDTH}`);
    const carries = await firstIndex(join(directory, 'entries', segmentName(first)));
    if (carries !== undefined && carries !== first)
      wrong.push(`${segmentName(first)} begins with entry ${carries}`);
  }
  return wrong;
}

/** undefined when there is no whole first line, or it is no entry: the verdicts about entries tell of that. */
async function firstIndex(path: string): Promise<number | undefined> {
  const handle = await open(path, 'r');
  try {
    const start = Buffer.alloc(LIMITS.entryBytes + 1);
    const { bytesRead } = await handle.read(start, 0, start.length, 0);
    const end = start.subarray(0, bytesRead).indexOf('\n');
    const parsed = end === -1 ? undefined : parseLine(start.subarray(0, end));
    return parsed !== undefined && 'entry' in parsed ? numberAt(parsed.entry, 'index') : undefined;
  } finally {
    await handle.close();
  }
}

/** What recovery set aside, by name. A file is hashed only when its size is one that an entry tells of. */
export async function tornFiles(
  directory: string,
  told: (name: string) => number | undefined,
): Promise<ReadonlyMap<string, TornFile>> {
  const entries = join(directory, 'entries');
  const files = new Map<string, TornFile>();
  for (const name of await namesIn(entries)) {
    if (!name.includes('.torn-')) continue;
    const { size: bytes } = await stat(join(entries, name));
    const sha256 = told(name) === bytes ? sha256Hex(await readFile(join(entries, name))) : undefined;
    files.set(name, { bytes, sha256 });
  }
  return files;
}

async function namesIn(directory: string): Promise<readonly string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (errno(error) === 'ENOENT') return [];
    throw error;
  }
}
