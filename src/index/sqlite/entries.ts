/**
 * What is kept of the single entries of a batch: pieces, times, ids and parents. Pieces are encoded as they fill, so
 * that a batch holds little memory; what is in them can be looked up before they are written.
 */
import type { DatabaseSync } from 'node:sqlite';
import type { Single } from '../../core/query/fold.ts';
import { openBlob, sealBlob } from './database.ts';
import { idKey } from './ids.ts';
import { createPieceWriter, decodePiece, PIECE_ENTRIES, type Piece, type Place, type Run } from './piece.ts';
import { decodeTimes, encodeTimes, msOf, PART_ENTRIES } from './times.ts';

export interface EntryBatch {
  add(single: Single | undefined, place: Place): void;
  /** Undefined for pieces that this batch does not touch. */
  piece(no: number): Piece | undefined;
  /** Within a transaction. */
  write(): void;
}

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
  const piece = createPieceWriter();
  begin(size % PIECE_ENTRIES);
  let next: Place | undefined;

  /** What is stored of the piece that the batch goes on with; entries that are not in the log take their places in it. */
  function begin(count: number): void {
    const stored = count === 0 ? undefined : held(no);
    for (let at = 0; at < count; at++)
      piece.add(stored?.bytes(at) ?? 0, stored?.single(at, no * PIECE_ENTRIES + at), runAt(stored?.runs, at));
  }

  function add(single: Single | undefined, place: Place): void {
    const follows =
      next !== undefined && place.segment === next.segment && place.offset === next.offset + next.bytes;
    piece.add(place.bytes, single, follows ? undefined : place);
    next = place;
    times.push(single?.ts === undefined ? undefined : (msOf(single.ts) ?? Number.NaN));
    if (single?.id !== undefined) ids.add(idKey(single.id, seed), index);
    if (single?.parent !== undefined) parents.add(idKey(single.parent, seed), index);
    index++;
    if (piece.count < PIECE_ENTRIES) return;
    pieces.set(no, piece.encode());
    no++;
    piece.clear();
    next = undefined;
  }

  return {
    add,
    piece(wanted) {
      const stored = pieces.get(wanted);
      if (stored !== undefined) return decodePiece(stored);
      return wanted === no && piece.count > 0 ? decodePiece(piece.encode()) : undefined;
    },
    write() {
      const insert = database.prepare('INSERT OR REPLACE INTO piece VALUES (?, ?)');
      for (const [at, full] of pieces) insert.run(at, sealBlob(full));
      if (piece.count > 0) insert.run(no, sealBlob(piece.encode()));
      writeTimes(database, size, times);
      ids.write(database, 'INSERT INTO ids VALUES (?, ?)');
      parents.write(database, 'INSERT INTO parents VALUES (?, ?)');
    },
  };
}

function runAt(runs: readonly Run[] | undefined, at: number): Run | undefined {
  return runs?.find((run) => run.at === at);
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
