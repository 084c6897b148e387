/**
 * Takes the lines of a log in their order and writes them to the index, a batch in one transaction that also advances
 * what the index reflects: after a crash it is as after some earlier batch. One writer at a time; the caller sees to it.
 */
import { createHash } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import type { JsonObject } from '../../core/json.ts';
import { LIMITS } from '../../core/limits.ts';
import { endedBy, joinRows, type Single, singleOf } from '../../core/query/fold.ts';
import { parseLine } from '../../core/query/line.ts';
import { isToldElsewhere, type Row } from '../../core/query/row.ts';
import { createWordReader, entryWords } from '../../core/query/words.ts';
import { type Changes, createChanges } from './changes.ts';
import { enlargeCache, guarded, inTransaction, type State, writeState } from './database.ts';
import { createEntryBatch, createPairs, type EntryBatch } from './entries.ts';
import { idKey } from './ids.ts';
import { createLookup, type Lookup } from './lookup.ts';
import type { Place } from './piece.ts';
import { BLOCK_ROWS } from './positions.ts';

export interface IndexWriter {
  /** As of the last batch. */
  readonly state: State;
  /** Entries that were added since. */
  readonly pending: number;
  /** The next line of the log. Its bytes are not kept. */
  add(line: Buffer, place: Place): void;
  /** Whether the batch has to be written before more is added. */
  full(): boolean;
  /** Goes on with entry `index`: those before it are not in the log (any more). Nothing may be pending. */
  skipTo(index: number): void;
  commit(): Promise<void>;
}

export interface WriterOptions {
  readonly state: State;
  /** The entry at an index, read from the log. */
  readonly entryAt: (index: number, place: Place | undefined) => Promise<JsonObject | undefined>;
}

/** Entries whose rows wait for an end that may come soon: most calls are over by then, and their row is written once. */
const WAITING = 2_048;
/** Half a block: what a batch holds is looked up again and again while it grows, and should fit the caches. */
const BATCH_ENTRIES = BLOCK_ROWS / 2;
const NO_WORDS: ReadonlySet<string> = new Set();

export function createWriter(database: DatabaseSync, { state: begun, entryAt }: WriterOptions): IndexWriter {
  enlargeCache(database);
  const wordsOf = createWordReader();
  let state = begun;
  let kept = Buffer.alloc(4096);
  /** Ids are mostly in the order of time: what is beyond it is not in the index, and need not be looked for. */
  let newestKey = newestIn(database);
  let batch = newBatch(database, state);

  const end = (): number => state.size + batch.added;

  function begunBy(id: string): Single | undefined {
    const earlier = idKey(id, state.seed) > newestKey ? undefined : batch.lookup.byId(id);
    if (earlier !== undefined) return earlier;
    const index = batch.ids.get(id);
    return index === undefined ? undefined : singleAt(index);
  }

  function singleAt(index: number): Single | undefined {
    return index >= batch.settled ? batch.waiting[index - batch.settled]?.single : batch.lookup.single(index);
  }

  function endOf(first: number): number | undefined {
    return batch.ends.get(first) ?? (first < state.size ? batch.lookup.endOf(first) : undefined);
  }

  function rowAt(index: number): Row | undefined {
    const first = singleAt(index);
    const found = first === undefined ? undefined : endOf(index);
    const last = found === undefined ? undefined : singleAt(found);
    return first === undefined || last === undefined ? first : joinRows(first, last);
  }

  /** The entry at `index` is how the call at `first` ended. */
  function ended(first: number, index: number): void {
    const before = endOf(first);
    if (first < batch.settled && !batch.changed.has(first)) batch.changed.set(first, rowAt(first));
    batch.ends.set(first, index);
    batch.merged.add(index);
    if (before === undefined) return;
    // It is a row of its own from now on.
    batch.merged.delete(before);
    if (before < batch.settled) batch.changed.set(before, undefined);
  }

  /** Rows of the oldest `count` entries that wait, as they are now. */
  function settle(count: number): void {
    const { changes, waiting, settled } = batch;
    for (let i = 0; i < count; i++) {
      const held = waiting[i];
      const index = settled + i;
      if (held?.single === undefined || batch.merged.has(index)) continue;
      const found = batch.ends.get(index);
      const last = found === undefined ? undefined : waiting[found - settled];
      const row = last?.single === undefined ? held.single : joinRows(held.single, last.single);
      if (isToldElsewhere(row)) continue;
      changes.row(row, undefined);
      changes.words(index, held.words);
      if (last !== undefined) changes.words(index, last.words);
    }
    waiting.splice(0, count);
    batch.settled += count;
  }

  async function wordsAt(index: number): Promise<ReadonlySet<string>> {
    const held = batch.waiting[index - batch.settled];
    if (held !== undefined) return new Set(held.words);
    const entry = await entryAt(index, batch.lookup.place(index));
    return entry === undefined ? NO_WORDS : entryWords(entry);
  }

  async function wordsOfRow({ index, end }: Row): Promise<ReadonlySet<string>> {
    const own = await wordsAt(index);
    return end === undefined ? own : new Set([...own, ...(await wordsAt(end))]);
  }

  /** Rows that are settled: calls that ended since, or ended anew, and ends that were replaced. */
  async function changeSettled(): Promise<void> {
    const { changes, changed } = batch;
    for (const [index, was] of changed) {
      const row = rowAt(index);
      if (row === undefined) continue;
      const before = was === undefined || isToldElsewhere(was) ? undefined : was;
      if (isToldElsewhere(row)) {
        if (before === undefined) continue;
        changes.drop(before);
        changes.words(index, [], await wordsOfRow(before));
        continue;
      }
      changes.row(row, before);
      if (before === undefined) changes.words(index, await wordsOfRow(row));
      else if (row.end !== undefined) {
        const now = await wordsAt(row.end);
        const own = before.end === undefined ? NO_WORDS : await wordsAt(index);
        const old = before.end === undefined ? NO_WORDS : await wordsAt(before.end);
        changes.words(
          index,
          now,
          [...old].filter((word) => !own.has(word) && !now.has(word)),
        );
      }
    }
  }

  async function commit(): Promise<void> {
    const { last, changes, entries } = batch;
    if (last === undefined) return;
    await changeSettled();
    settle(batch.waiting.length);
    const { place, line } = last;
    const ends = createPairs();
    for (const [first, end] of batch.ends) ends.add(first, end);
    const next: State = {
      ...state,
      size: end(),
      segment: place.segment,
      offset: place.offset + place.bytes,
      last: { segment: place.segment, offset: place.offset, sha256: hashOf(line) },
      malformed: {
        count: state.malformed.count + batch.malformed.length,
        first: [...state.malformed.first, ...batch.malformed].slice(0, LIMITS.malformedShown),
      },
    };
    guarded(() =>
      inTransaction(database, () => {
        changes.write(database, Math.ceil(state.size / BLOCK_ROWS));
        entries.write();
        ends.write(database, 'INSERT OR REPLACE INTO ends VALUES (?, ?)');
        writeState(database, next);
      }),
    );
    state = next;
    newestKey = newestIn(database);
    batch = newBatch(database, state);
  }

  return {
    get state() {
      return state;
    },
    get pending() {
      return batch.added;
    },
    add(line, place) {
      const index = end();
      const parsed = parseLine(line);
      const entry = 'entry' in parsed ? parsed.entry : undefined;
      const single = entry === undefined ? undefined : singleOf(entry, index);
      const words = entry === undefined ? [] : wordsOf(entry);
      // Into the same memory each time: one copy a line would be most of what a batch leaves behind.
      if (kept.length < line.length) kept = Buffer.allocUnsafe(2 * line.length);
      line.copy(kept);
      batch.last = { place, line: kept.subarray(0, line.length) };
      batch.added++;
      batch.words += words.length;
      batch.entries.add(single, place);
      batch.waiting.push({ single, words });
      if (single === undefined) batch.malformed.push(index);
      else {
        const first = endedBy(single, begunBy);
        if (single.id !== undefined && !batch.ids.has(single.id)) batch.ids.set(single.id, index);
        if (first !== undefined) ended(first.index, index);
      }
      if (batch.waiting.length >= 2 * WAITING) settle(WAITING);
    },
    full: () => end() % BATCH_ENTRIES === 0 || batch.words >= LIMITS.indexBatchWords,
    skipTo(index) {
      state = { ...state, size: index };
      batch = newBatch(database, state);
    },
    commit,
  };
}

interface Batch {
  added: number;
  /** The line that was added last. */
  last: { readonly place: Place; readonly line: Buffer } | undefined;
  readonly lookup: Lookup;
  readonly entries: EntryBatch;
  readonly changes: Changes;
  /** Entries before it have their rows in `changes`, or in the index. */
  settled: number;
  /** Those from `settled` on. */
  readonly waiting: { readonly single: Single | undefined; readonly words: readonly string[] }[];
  /** The first entry of the batch that says an id. */
  readonly ids: Map<string, number>;
  /** Calls that ended in this batch, and their ends. */
  readonly ends: Map<number, number>;
  /** Ends in this batch: no rows of their own. */
  readonly merged: Set<number>;
  /** Settled entries whose rows change, with the rows as they were; undefined: it was part of another one. */
  readonly changed: Map<number, Row | undefined>;
  readonly malformed: number[];
  words: number;
}

function newBatch(database: DatabaseSync, { size, seed }: State): Batch {
  const stored = createLookup(database, seed);
  const entries = createEntryBatch(database, stored.piece, size, seed);
  return {
    added: 0,
    last: undefined,
    lookup: createLookup(database, seed, entries.piece),
    entries,
    changes: createChanges(seed),
    settled: size,
    waiting: [],
    ids: new Map(),
    ends: new Map(),
    merged: new Set(),
    changed: new Map(),
    malformed: [],
    words: 0,
  };
}

function newestIn(database: DatabaseSync): number {
  const key = database.prepare('SELECT max(key) AS key FROM ids').get()?.key;
  return typeof key === 'number' ? key : Number.NEGATIVE_INFINITY;
}

export function hashOf(line: Uint8Array): string {
  return createHash('sha256').update(line).digest('hex');
}
