/** What the files of a log directory are called and hold, as far as the entries do not say it by themselves. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isTallyError } from '../core/error.ts';
import { sha256Hex } from '../core/hash.ts';
import { LIMITS } from '../core/limits.ts';
import type { LogReader, SegmentDamage } from '../core/ports.ts';
import { numberAt } from '../core/query/fields.ts';
import { parseLine } from '../core/query/line.ts';
import type { TornFile } from '../core/query/recovery.ts';
import { TILE_WIDTH } from '../core/tlog/tile.ts';
import { errno } from '../store/file/fs.ts';
import { sealedName, segmentName } from '../store/file/names.ts';
import { openSegmentFile } from '../store/file/segment.ts';

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
  for (const { first, sealed } of segments) {
    const name = sealed ? sealedName(first) : segmentName(first);
    if (first % TILE_WIDTH !== 0) wrong.push(`${name} is named by no multiple of ${TILE_WIDTH}`);
    const carries = await firstIndex(join(directory, 'entries'), first);
    if (carries !== undefined && carries !== first) wrong.push(`${name} begins with entry ${carries}`);
  }
  return wrong;
}

/** undefined when there is no whole first line, or it is no entry: the verdicts about entries tell of that. */
async function firstIndex(entries: string, first: number): Promise<number | undefined> {
  const file = await openSegmentFile(entries, first);
  try {
    const start = await file?.readAt(0, LIMITS.entryBytes + 1);
    const end = start?.indexOf('\n') ?? -1;
    const parsed = start === undefined || end === -1 ? undefined : parseLine(start.subarray(0, end));
    return parsed !== undefined && 'entry' in parsed ? numberAt(parsed.entry, 'index') : undefined;
  } catch (error) {
    // A damaged sealed one: that is told where its entries are read.
    if (isTallyError(error) && error.code === 'LOG_DAMAGED') return undefined;
    throw error;
  } finally {
    await file?.close();
  }
}

export interface DamageWatch {
  readonly see: (damage: SegmentDamage) => void;
  /** The lowest entry that cannot be read. */
  firstLost(): number | undefined;
  /** Each damaged file with what is wrong, the first of many. */
  notes(): readonly string[];
}

/** Takes down what is wrong with the files of sealed segments while they are read. */
export function watchDamage(): DamageWatch {
  const notes: string[] = [];
  let count = 0;
  let firstLost: number | undefined;
  return {
    see({ segment, why, lost }) {
      if (lost !== undefined) firstLost = Math.min(firstLost ?? lost.from, lost.from);
      if (++count > LIMITS.malformedShown) return;
      notes.push(
        `${sealedName(segment)}: ${why}${lost === undefined ? '' : `, ${entriesText(lost)} cannot be read`}`,
      );
    },
    firstLost: () => firstLost,
    notes: () => (count > notes.length ? [...notes, `and ${count - notes.length} more`] : notes),
  };
}

function entriesText({ from, to }: NonNullable<SegmentDamage['lost']>): string {
  return to === undefined ? `entries from ${from} on` : `entries ${from} to ${to - 1}`;
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
