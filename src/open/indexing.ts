/**
 * Brings an index up to its log. The log is never trusted to be the one that was indexed: its origin, its first line and
 * the last line that was indexed have to be there as they were, or all of it is read again.
 */
import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import type { JsonObject } from '../core/json.ts';
import { LIMITS } from '../core/limits.ts';
import { parseLine } from '../core/query/line.ts';
import { createLineSplitter } from '../core/query/lines.ts';
import { IndexDamage } from '../index/sqlite/damage.ts';
import {
  asDamage,
  FORMAT,
  openDatabase,
  readState,
  removeDatabase,
  type State,
  writeState,
} from '../index/sqlite/database.ts';
import type { Place } from '../index/sqlite/piece.ts';
import { pruneIndex } from '../index/sqlite/prune.ts';
import { createWriter, hashOf, type IndexWriter } from '../index/sqlite/writer.ts';
import { listSegments, type NamedSegment } from '../store/file/names.ts';
import { openSegmentFile } from '../store/file/segment.ts';
import { type EntryFiles, openEntryFiles } from './entry-files.ts';
import { originOf } from './log-origin.ts';

export interface IndexingOptions {
  /** Of the log. */
  readonly directory: string;
  /** Of the index. */
  readonly path: string;
  readonly onProgress?: ((done: number, total: number | undefined) => void) | undefined;
  /** Why an index that was there is made again. */
  readonly onAnew?: ((why: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Reads what the log has beyond the index, as far as the log went when this was called, and writes it to the index.
 * Nobody else may write the index meanwhile. Ended early by `signal`, it keeps the batches that were written, and throws
 * the signal's reason.
 */
export async function bringUp(options: IndexingOptions): Promise<State> {
  try {
    return await bringUpOnce(options);
  } catch (error) {
    if (asDamage(error) === undefined) throw error;
    options.onAnew?.('it is damaged');
    removeDatabase(options.path);
    return bringUpOnce(options);
  }
}

async function bringUpOnce(options: IndexingOptions): Promise<State> {
  const { directory, path, onAnew } = options;
  const files = openEntryFiles(directory);
  try {
    const segments = await listSegments(join(directory, 'entries'));
    const origin = await originOf(directory);
    let opened = openOrRemove(path, onAnew);
    if (opened.state !== undefined) {
      let why = await difference(opened.state, origin, segments, files);
      const from = segments[0]?.first ?? 0;
      if (why === undefined && from > opened.state.from) {
        const options = { state: opened.state, entryAt: entryReader(files) };
        const pruned = await pruneIndex(opened.database, options, from);
        if (pruned === undefined) why = 'the log was pruned';
        else opened = { ...opened, state: pruned };
      }
      if (why !== undefined) {
        opened.database.close();
        onAnew?.(why);
        removeDatabase(path);
        opened = openOrRemove(path, undefined);
      }
    }
    const { database } = opened;
    try {
      const state = opened.state ?? newState(origin, segments);
      if (opened.state === undefined) writeState(database, state);
      const writer = createWriter(database, { state, entryAt: entryReader(files) });
      await feed(writer, segments, options);
      return writer.state;
    } finally {
      database.close();
    }
  } finally {
    await files.close();
  }
}

interface Opened {
  readonly database: DatabaseSync;
  /** Undefined for a new one. */
  readonly state: State | undefined;
}

function openOrRemove(path: string, onAnew: IndexingOptions['onAnew']): Opened {
  let why = 'it is damaged';
  try {
    const database = openDatabase(path);
    try {
      const state = readState(database);
      const isNew = state === undefined && database.prepare('SELECT count(*) AS n FROM meta').get()?.n === 0;
      if (state !== undefined || isNew) return { database, state };
      why = 'it was written by another version';
    } catch (error) {
      database.close();
      throw error;
    }
    database.close();
  } catch (error) {
    if (!(error instanceof IndexDamage)) throw error;
  }
  onAnew?.(why);
  removeDatabase(path);
  return { database: openDatabase(path), state: undefined };
}

/** Why the index is not one of this log as it is now. */
async function difference(
  state: State,
  origin: string,
  segments: readonly NamedSegment[],
  files: EntryFiles,
): Promise<string | undefined> {
  if (state.origin !== origin) return 'it is of another log';
  if ((segments[0]?.first ?? 0) < state.from) return 'older entries of the log are there again';
  if (state.size === state.from) return undefined;
  const { last } = state;
  const line = await files.line({
    segment: last.segment,
    offset: last.offset,
    bytes: state.offset - last.offset,
  });
  return line !== undefined && hashOf(line) === last.sha256
    ? undefined
    : 'the log does not hold what was indexed: it was replaced or rolled back';
}

function newState(origin: string, segments: readonly NamedSegment[]): State {
  const from = segments[0]?.first ?? 0;
  return {
    format: FORMAT,
    origin,
    from,
    size: from,
    segment: from,
    offset: 0,
    last: { segment: from, offset: 0, sha256: '' },
    malformed: { count: 0, first: [] },
    seed: randomInt(2 ** 32),
  };
}

function entryReader(files: EntryFiles) {
  return async (_index: number, place: Place | undefined): Promise<JsonObject | undefined> => {
    const line = place === undefined ? undefined : await files.line(place);
    const parsed = line === undefined ? undefined : parseLine(line);
    return parsed !== undefined && 'entry' in parsed ? parsed.entry : undefined;
  };
}

async function feed(
  writer: IndexWriter,
  segments: readonly NamedSegment[],
  { directory, onProgress, signal }: IndexingOptions,
): Promise<void> {
  const entries = join(directory, 'entries');
  const newest = segments.at(-1)?.first ?? 0;
  for (const { first } of segments) {
    const { segment, offset: begun } = writer.state;
    if (first < segment) continue;
    const file = await openSegmentFile(entries, first);
    if (file === undefined) continue;
    try {
      let offset = first === segment ? begun : 0;
      // What is appended from now on is for the next time: a busy log would keep this going for ever.
      let left = (await file.size()) - offset;
      if (left <= 0) continue;
      if (first > writer.state.size + writer.pending) {
        await writer.commit();
        writer.skipTo(first);
      }
      const waiting: { readonly line: Buffer; readonly offset: number; readonly bytes: number }[] = [];
      const splitter = createLineSplitter(LIMITS.entryBytes * 2, (line, bytes) => {
        waiting.push({ line, offset, bytes });
        offset += bytes;
      });
      for await (const block of file.blocks(offset)) {
        splitter.push(block.length > left ? block.subarray(0, left) : block);
        left -= block.length;
        for (const { line, offset: at, bytes } of waiting) {
          writer.add(line, { segment: first, offset: at, bytes });
          if (!writer.full()) continue;
          await writer.commit();
          signal?.throwIfAborted();
          const done = writer.state.size;
          onProgress?.(done, newest > done ? newest : undefined);
        }
        waiting.length = 0;
        if (left <= 0) break;
      }
    } finally {
      await file.close();
    }
  }
  await writer.commit();
}
