/** What the files of a log directory are called and hold, as far as the entries do not say it by themselves. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isTallyError } from '../core/error.ts';
import { LIMITS } from '../core/limits.ts';
import type { LogReader, SegmentDamage } from '../core/ports.ts';
import { numberAt } from '../core/query/fields.ts';
import { parseLine } from '../core/query/line.ts';
import type { TornFile } from '../core/query/recovery.ts';
import { TILE_WIDTH } from '../core/tlog/tile.ts';
import { errno, readError } from '../store/file/fs.ts';
import { hashFile } from '../store/file/hashed.ts';
import { namesIn, sealedName, segmentName } from '../store/file/names.ts';
import { openSegmentFile } from '../store/file/segment.ts';
import type { SegmentFile } from '../store/file/segment-file.ts';

const NEWLINE = 0x0a;

/**
 * Segments whose name is not the index of their first entry, or no multiple of 256, that share a line, or that a start
 * would not go on behind, each with the reason. `prunedTo`: so far the log itself says that entries were removed. The recorder refuses such a log: a pass here would promise what the next
 * start takes back. After the entries were read.
 */
export async function misnamedSegments(
  directory: string,
  reader: LogReader,
  prunedTo = 0,
): Promise<readonly string[]> {
  const entries = join(directory, 'entries');
  const segments = await reader.segments();
  const wrong: string[] = [];
  const [lowest] = segments;
  if (lowest !== undefined && lowest.first > prunedTo)
    wrong.push(`${segmentName(lowest.first)} is the first segment, which starts at ${prunedTo}`);
  for (const [i, { first, sealed }] of segments.entries()) {
    const name = sealed ? sealedName(first) : segmentName(first);
    const before = segments[i - 1]?.first;
    const isLast = i === segments.length - 1;
    if (first % TILE_WIDTH !== 0) wrong.push(`${name} is named by no multiple of ${TILE_WIDTH}`);
    const { begins, ends, empty } = await edgesOf(entries, first);
    if (begins !== undefined && begins !== first) wrong.push(`${name} begins with entry ${begins}`);
    if (!isLast && !ends) wrong.push(`${name} ends inside a line, and another segment comes after it`);
    if (empty && !isLast) wrong.push(`${name} is empty, and another segment comes after it`);
    const last = empty && isLast && before !== undefined ? await lastIndex(entries, before) : undefined;
    if (last !== undefined && first !== last + 1)
      wrong.push(`${name} is empty, and the entry before it is ${last}`);
  }
  const open = segments.findLast(({ sealed }) => !sealed);
  if (open !== undefined && open === segments.at(-1) && (await isSealedToo(entries, open.first))) {
    // Unless the writer has gone on since: then it was about to be sealed.
    if ((await reader.segments()).at(-1)?.first === open.first)
      wrong.push(`${sealedName(open.first)} lies beside the newest segment, which is never sealed`);
  }
  return wrong;
}

async function isSealedToo(entries: string, first: number): Promise<boolean> {
  return (await namesIn(entries)).includes(sealedName(first));
}

interface Edges {
  /** The index that its first line carries; undefined when there is no whole one, or it is no entry. */
  readonly begins: number | undefined;
  /** Whether its last line is a whole one. */
  readonly ends: boolean;
  readonly empty: boolean;
}

/** What is no entry, and what cannot be read of a damaged sealed one, is told where entries are read. */
const UNTOLD: Edges = { begins: undefined, ends: true, empty: false };

async function edgesOf(entries: string, first: number): Promise<Edges> {
  return reading(entries, first, UNTOLD, async (file) => {
    const start = await file.readAt(0, LIMITS.entryBytes + 1);
    if (start.length === 0) return { begins: undefined, ends: true, empty: true };
    const end = start.indexOf(NEWLINE);
    const begins = end === -1 ? undefined : indexOf(start.subarray(0, end));
    // Every frame of a sealed one ends with a line.
    const ends = file.sealed || (await file.readAt((await file.size()) - 1, 1))[0] === NEWLINE;
    return { begins, ends, empty: false };
  });
}

async function lastIndex(entries: string, first: number): Promise<number | undefined> {
  return reading(entries, first, undefined, async (file) => {
    const size = await file.size();
    const from = Math.max(0, size - LIMITS.entryBytes - 2);
    const lines = (await file.readAt(from, size - from)).subarray(0, -1);
    return indexOf(lines.subarray(lines.lastIndexOf(NEWLINE) + 1));
  });
}

function indexOf(line: Buffer): number | undefined {
  const parsed = parseLine(line);
  return 'entry' in parsed ? numberAt(parsed.entry, 'index') : undefined;
}

async function reading<T>(
  entries: string,
  first: number,
  otherwise: T,
  use: (file: SegmentFile) => Promise<T>,
): Promise<T> {
  const file = await openSegmentFile(entries, first);
  if (file === undefined) return otherwise;
  try {
    return await use(file);
  } catch (error) {
    if (isTallyError(error) && error.code === 'LOG_DAMAGED') return otherwise;
    throw error;
  } finally {
    await file.close();
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
    try {
      const file = await stat(join(entries, name));
      if (!file.isFile()) continue;
      const { size: bytes } = file;
      const sha256 = told(name) === bytes ? (await hashFile(join(entries, name))).sha256 : undefined;
      files.set(name, { bytes, sha256 });
    } catch (error) {
      // Gone since it was listed: a prune takes those of its segments along.
      if (errno(error) !== 'ENOENT') throw readError(error, `cannot read ${join(entries, name)}`);
    }
  }
  return files;
}
