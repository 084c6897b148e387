/**
 * What is kept of the single entries of a batch: pieces, times, ids and parents. Pieces are compressed as they fill, so
 * that a batch holds little memory; what is in them can be looked up before they are written.
 */
import type { DatabaseSync } from 'node:sqlite';
import type { Single } from '../../core/query/fold.ts';
import { openBlob, sealBlob } from './database.ts';
import { idKey } from './ids.ts';
import {
  decodePiece,
  encodePiece,
  encodeRecord,
  PIECE_ENTRIES,
  type Piece,
  type Place,
  pieceOf,
  type Run,
} from './record.ts';
import { decodeTimes, encodeTimes, msOf, PART_ENTRIES } from './times.ts';

export interface EntryBatch {
  add(single: Single | undefined, place: Place): void;
  /** Undefined for pieces that this batch does not touch. */
  piece(no: number): Piece | undefined;
  /** Within a transaction. */
  write(): void;
}

/** Stands for an entry that is not in the log. */
const ABSENT = '[0]';

/** `held`: the stored piece with that number. The batch begins with entry `size`. */
export function createEntryBatch(
  database: DatabaseSync,
  held: (no: number) => Piece | undefined,
  size: number,
  seed: number,
): EntryBatch {
  const pieces = new Map<number, Uint8Array>();
  const times: (number | undefined)[] = [];
  const ids = createPairs();
  const parents = createPairs();
  let index = size;
  let no = Math.floor(size / PIECE_ENTRIES);
  let { runs, records } = begun(size % PIECE_ENTRIES === 0 ? undefined : held(no), size % PIECE_ENTRIES);
  let next: Place | undefined;

  function add(single: Single | undefined, place: Place): void {
    if (next === undefined || place.segment !== next.segment || place.offset !== next.offset + next.bytes)
      runs.push({ at: records.length, segment: place.segment, offset: place.offset });
    next = place;
    records.push(encodeRecord(place.bytes, single));
    times.push(single?.ts === undefined ? undefined : (msOf(single.ts) ?? Number.NaN));
    if (single?.id !== undefined) ids.add(idKey(single.id, seed), index);
    if (single?.parent !== undefined) parents.add(idKey(single.parent, seed), index);
    index++;
    if (records.length < PIECE_ENTRIES) return;
    pieces.set(no, encodePiece({ runs, records }));
    no++;
    runs = [];
    records = [];
    next = undefined;
  }

  return {
    add,
    piece(wanted) {
      const stored = pieces.get(wanted);
      if (stored !== undefined) return decodePiece(stored);
      return wanted === no && records.length > 0 ? pieceOf({ runs, records }) : undefined;
    },
    write() {
      const insert = database.prepare('INSERT OR REPLACE INTO piece VALUES (?, ?)');
      for (const [at, piece] of pieces) insert.run(at, sealBlob(piece));
      if (records.length > 0) insert.run(no, sealBlob(encodePiece({ runs, records })));
      writeTimes(database, size, times);
      ids.write(database, 'INSERT INTO ids VALUES (?, ?)');
      parents.write(database, 'INSERT INTO parents VALUES (?, ?)');
    },
  };
}

function begun(held: Piece | undefined, at: number): { runs: Run[]; records: string[] } {
  const records = Array.from({ length: held?.count ?? 0 }, (_, i) => held?.record(i) ?? ABSENT);
  while (records.length < at) records.push(ABSENT);
  return { runs: [...(held?.runs ?? [])], records };
}

/** Two columns of numbers. */
export interface Pairs {
  add(key: number, value: number): void;
  /** In the order of their keys: neighbours lie on one page. `sql` takes key and value. */
  write(database: DatabaseSync, sql: string): void;
}

export function createPairs(): Pairs {
  const keys: number[] = [];
  const values: number[] = [];
  return {
    add(key, value) {
      keys.push(key);
      values.push(value);
    },
    write(database, sql) {
      const insert = database.prepare(sql);
      const order = Uint32Array.from(keys, (_, i) => i);
      order.sort((a, b) => (keys[a] ?? 0) - (keys[b] ?? 0));
      for (const i of order) insert.run(keys[i] ?? 0, values[i] ?? 0);
    },
  };
}

function writeTimes(database: DatabaseSync, size: number, added: readonly (number | undefined)[]): void {
  const end = size + added.length;
  for (let part = Math.floor(size / PART_ENTRIES); part * PART_ENTRIES < end; part++) {
    const base = part * PART_ENTRIES;
    const from = Math.max(size, base);
    const times = from > base ? heldTimes(database, part) : [];
    while (times.length < from - base) times.push(undefined);
    times.push(...added.slice(from - size, base + PART_ENTRIES - size));
    writePart(database, part, times);
  }
}

function writePart(database: DatabaseSync, part: number, times: readonly (number | undefined)[]): void {
  const { low, high, rest, data } = encodeTimes(times);
  database
    .prepare('INSERT OR REPLACE INTO times VALUES (?, ?)')
    .run(part, sealBlob(new Uint8Array(data.buffer)));
  database
    .prepare('INSERT OR REPLACE INTO span VALUES (?, ?, ?, ?)')
    .run(part, low ?? null, high ?? null, rest);
}

function heldTimes(database: DatabaseSync, part: number): (number | undefined)[] {
  const stored = openBlob(database.prepare('SELECT data FROM times WHERE part = ?').get(part)?.data);
  const low = database.prepare('SELECT low FROM span WHERE part = ?').get(part)?.low;
  if (stored === undefined) return [];
  return decodeTimes(typeof low === 'number' ? low : undefined, new Uint32Array(stored.slice().buffer));
}

/** Within a transaction: leaves no time of an entry before `from`. */
export function pruneTimes(database: DatabaseSync, from: number): void {
  const part = Math.floor(from / PART_ENTRIES);
  for (const table of ['times', 'span']) database.prepare(`DELETE FROM ${table} WHERE part < ?`).run(part);
  const left = from - part * PART_ENTRIES;
  if (left === 0) return;
  const times = heldTimes(database, part);
  writePart(
    database,
    part,
    times.map((time, i) => (i < left ? undefined : time)),
  );
}
