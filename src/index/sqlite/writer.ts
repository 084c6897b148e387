/**
 * Takes the lines of a log in their order and writes them to the index, a batch in one transaction that also advances
 * what the index reflects: after a crash it is as after some earlier batch. One writer at a time; the caller sees to it.
 */
import { createHash } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import type { JsonObject } from '../../core/json.ts';
import { LIMITS } from '../../core/limits.ts';
import { aloneOf, joinRows, place, type Single, singleOf } from '../../core/query/fold.ts';
import { parseLine } from '../../core/query/line.ts';
import type { Row } from '../../core/query/row.ts';
import { entryWords } from '../../core/query/words.ts';
import { createChanges } from './changes.ts';
import { guarded, type State, writeState } from './database.ts';
import { type Added, writeEntries } from './entries.ts';
import { createLookup } from './lookup.ts';
import { BLOCK_ROWS } from './positions.ts';
import { encodeRecord, type Place } from './record.ts';

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
  readonly entryAt: (index: number) => Promise<JsonObject | undefined>;
}

const NO_WORDS: ReadonlySet<string> = new Set();

export function createWriter(database: DatabaseSync, { state: begun, entryAt }: WriterOptions): IndexWriter {
  let state = begun;
  const lookup = createLookup(database, state.seed);
  let batch = newBatch();
  let last: { readonly place: Place; readonly line: Buffer } | undefined;

  const end = (): number => state.size + batch.added.length;

  function singleAt(index: number): Single | undefined {
    return index < state.size ? lookup.single(index) : batch.added[index - state.size]?.single;
  }

  function begunBy(id: string): Single | undefined {
    return lookup.byId(id) ?? singleAt(batch.ids.get(id) ?? -1);
  }

  function endOf(first: number): number | undefined {
    return batch.ends.get(first) ?? (first < state.size ? lookup.endOf(first) : undefined);
  }

  /** The entry at `index` is how the call at `first` ended. */
  function ended(first: number, index: number): void {
    const before = endOf(first);
    if (first < state.size && !batch.changed.has(first)) batch.changed.set(first, lookup.rowAt(first));
    batch.ends.set(first, index);
    batch.merged.add(index);
    if (before === undefined) return;
    // It is a row of its own from now on.
    batch.merged.delete(before);
    if (before < state.size) batch.changed.set(before, undefined);
  }

  function rowAt(index: number): Row | undefined {
    const first = singleAt(index);
    if (first === undefined) return undefined;
    const found = endOf(index);
    const single = found === undefined ? undefined : singleAt(found);
    return single === undefined ? aloneOf(first) : joinRows(aloneOf(first), aloneOf(single));
  }

  async function wordsAt(index: number): Promise<ReadonlySet<string>> {
    if (index >= state.size) return batch.added[index - state.size]?.words ?? NO_WORDS;
    const entry = await entryAt(index);
    return entry === undefined ? NO_WORDS : entryWords(entry);
  }

  /** Rows of earlier batches: calls that ended since, or ended anew, and ends that were replaced. */
  async function changeEarlier(changes: ReturnType<typeof createChanges>): Promise<void> {
    for (const [index, before] of [...batch.changed].sort(([a], [b]) => a - b)) {
      const row = rowAt(index);
      if (row === undefined) continue;
      changes.row(row, before);
      if (before === undefined) changes.words(index, await wordsAt(index));
      else if (row.end !== undefined) {
        const now = await wordsAt(row.end);
        if (before.end === undefined) changes.words(index, now);
        else {
          const own = await wordsAt(index);
          const old = await wordsAt(before.end);
          changes.words(
            index,
            now,
            [...old].filter((word) => !own.has(word) && !now.has(word)),
          );
        }
      }
    }
  }

  async function commit(): Promise<void> {
    if (batch.added.length === 0 || last === undefined) return;
    const changes = createChanges();
    await changeEarlier(changes);
    batch.added.forEach(({ single, words }, i) => {
      const index = state.size + i;
      if (single === undefined || batch.merged.has(index)) return;
      const row = rowAt(index);
      if (row === undefined) return;
      changes.row(row, undefined);
      changes.words(index, words);
      if (row.end !== undefined) changes.words(index, batch.added[row.end - state.size]?.words ?? NO_WORDS);
    });
    const { place: at, line } = last;
    const next: State = {
      ...state,
      size: end(),
      segment: at.segment,
      offset: at.offset + at.bytes,
      last: { segment: at.segment, offset: at.offset, sha256: hashOf(line) },
      malformed: {
        count: state.malformed.count + batch.malformed.length,
        first: [...state.malformed.first, ...batch.malformed].slice(0, LIMITS.malformedShown),
      },
    };
    const fresh = Math.ceil(state.size / BLOCK_ROWS);
    guarded(() => {
      database.exec('BEGIN IMMEDIATE');
      try {
        changes.write(database, fresh);
        writeEntries(database, lookup, state, batch.added, batch.ends);
        writeState(database, next);
        database.exec('COMMIT');
      } catch (error) {
        if (database.isTransaction) database.exec('ROLLBACK');
        throw error;
      }
    });
    state = next;
    batch = newBatch();
    last = undefined;
    lookup.forget();
  }

  return {
    get state() {
      return state;
    },
    get pending() {
      return batch.added.length;
    },
    add(line, where) {
      const index = end();
      const parsed = parseLine(line);
      last = { place: where, line: Buffer.from(line) };
      if (!('entry' in parsed)) {
        batch.malformed.push(index);
        batch.added.push({
          single: undefined,
          words: NO_WORDS,
          record: encodeRecord(where.bytes, undefined),
          place: where,
        });
        return;
      }
      const single = singleOf(parsed.entry, index);
      const { ends } = place(single, begunBy);
      const words = entryWords(parsed.entry);
      batch.words += words.size;
      batch.added.push({ single, words, record: encodeRecord(where.bytes, single), place: where });
      if (single.id !== undefined && !batch.ids.has(single.id)) batch.ids.set(single.id, index);
      if (ends !== undefined) ended(ends, index);
    },
    full: () => end() % BLOCK_ROWS === 0 || batch.words >= LIMITS.indexBatchWords,
    skipTo(index) {
      state = { ...state, size: index };
    },
    commit,
  };
}

interface Batch {
  readonly added: Added[];
  /** The first entry of the batch that says an id. */
  readonly ids: Map<string, number>;
  /** Calls that ended in this batch, and their ends. */
  readonly ends: Map<number, number>;
  /** Ends in this batch: no rows of their own. */
  readonly merged: Set<number>;
  /** Entries of earlier batches whose rows change, with the rows as they were; undefined: it was part of another one. */
  readonly changed: Map<number, Row | undefined>;
  readonly malformed: number[];
  words: number;
}

function newBatch(): Batch {
  return {
    added: [],
    ids: new Map(),
    ends: new Map(),
    merged: new Set(),
    changed: new Map(),
    malformed: [],
    words: 0,
  };
}

export function hashOf(line: Uint8Array): string {
  return createHash('sha256').update(line).digest('hex');
}
