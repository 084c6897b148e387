/** The entries of a bundle, each held against the hash tiles that come with it. Streamed: memory is flat. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { equalBytes } from '../../core/bytes.ts';
import { isTallyError } from '../../core/error.ts';
import { ENTRIES } from '../../core/export/manifest.ts';
import { openProofTiles, type ProofTiles } from '../../core/export/proof-tiles.ts';
import type { JsonObject } from '../../core/json.ts';
import { LIMITS } from '../../core/limits.ts';
import type { ObjectStore } from '../../core/ports.ts';
import { textAt } from '../../core/query/fields.ts';
import { parseLine } from '../../core/query/line.ts';
import { createLineSplitter } from '../../core/query/lines.ts';
import type { Checkpoint } from '../../core/tlog/checkpoint.ts';
import { scanFields } from '../../core/tlog/fields.ts';
import { tilePath } from '../../core/tlog/tile.ts';
import { leafHash } from '../../core/tlog/tree.ts';
import { openPlain, readFully } from '../../store/file/fs.ts';
import { citedSnapshot } from '../snapshot.ts';

export interface Seen {
  entries: number;
  first: number | undefined;
  last: number | undefined;
  /** Every index from the first to the last is there. */
  contiguous: boolean;
  bytes: number;
  sha256: string;
  bad: { readonly index: number | undefined; readonly why: string } | undefined;
  firstTs: string | undefined;
  lastTs: string | undefined;
  readonly cited: Set<string>;
  /** More are cited than are looked at. */
  citesMore: boolean;
  readonly problems: string[];
}

/** Told of every line that is an entry, in their order. */
export type OnEntry = (entry: JsonObject, index: number, bytes: number) => void;

const BLOCK = 1024 * 1024;

export async function readEntries(
  directory: string,
  files: Pick<ObjectStore, 'get'>,
  checkpoint: Checkpoint,
  onEntry: OnEntry,
  onProgress?: (entries: number) => void,
): Promise<Seen> {
  const seen: Seen = {
    entries: 0,
    first: undefined,
    last: undefined,
    contiguous: true,
    bytes: 0,
    sha256: '',
    bad: undefined,
    firstTs: undefined,
    lastTs: undefined,
    cited: new Set(),
    citesMore: false,
    problems: [],
  };
  let tiles: ProofTiles | undefined;
  try {
    tiles = await openProofTiles(checkpoint.size, checkpoint.root, (level, index, width) =>
      files.get(tilePath({ level, index, width })),
    );
  } catch (error) {
    if (!isTallyError(error)) throw error;
    seen.bad = { index: undefined, why: error.message };
  }
  const handle = await openPlain(join(directory, ENTRIES));
  if (handle === undefined) {
    seen.bad ??= { index: undefined, why: `${ENTRIES} is missing` };
    return seen;
  }
  const hash = createHash('sha256');
  try {
    let lines: Buffer[] = [];
    const splitter = createLineSplitter(LIMITS.entryBytes, (line) => lines.push(Buffer.from(line)));
    const block = Buffer.alloc(BLOCK);
    for (
      let read = await readFully(handle, block, 0);
      read > 0;
      read = await readFully(handle, block, seen.bytes)
    ) {
      const bytes = block.subarray(0, read);
      hash.update(bytes);
      seen.bytes += read;
      splitter.push(bytes);
      for (const line of lines) await look(line, seen, tiles, onEntry);
      lines = [];
      onProgress?.(seen.entries);
      // What stands behind the last newline is no whole line.
      if (read < BLOCK && bytes.at(-1) !== 0x0a) seen.problems.push(`${ENTRIES} ends inside a line`);
    }
  } finally {
    await handle.close();
  }
  seen.sha256 = hash.digest('hex');
  return seen;
}

async function look(
  line: Buffer,
  seen: Seen,
  tiles: ProofTiles | undefined,
  onEntry: OnEntry,
): Promise<void> {
  const index = scanFields(line, 0, line.length)?.index;
  const place = index ?? seen.last;
  if (index === undefined) seen.bad ??= { index: undefined, why: `line ${seen.entries + 1} is no entry` };
  else if (seen.last !== undefined && index <= seen.last)
    seen.bad ??= { index, why: `entry ${index} stands behind entry ${seen.last}` };
  else if (tiles !== undefined) {
    const why = await mismatch(line, index, tiles);
    if (why !== undefined) seen.bad ??= { index, why };
  }
  if (index !== undefined && seen.last !== undefined && index !== seen.last + 1) seen.contiguous = false;
  seen.entries++;
  seen.first ??= index;
  seen.last = place;
  const parsed = parseLine(line);
  if (!('entry' in parsed) || index === undefined) return;
  seen.lastTs = textAt(parsed.entry, 'ts');
  if (seen.first === index) seen.firstTs = seen.lastTs;
  const cited = citedSnapshot(parsed.entry);
  if (cited !== undefined && !seen.cited.has(cited)) {
    if (seen.cited.size < LIMITS.bundlePolicies) seen.cited.add(cited);
    else seen.citesMore = true;
  }
  onEntry(parsed.entry, index, line.length);
}

async function mismatch(line: Buffer, index: number, tiles: ProofTiles): Promise<string | undefined> {
  try {
    return equalBytes(leafHash(line), await tiles.leaf(index))
      ? undefined
      : `entry ${index} is not the one that was signed`;
  } catch (error) {
    if (isTallyError(error)) return error.message;
    throw error;
  }
}
