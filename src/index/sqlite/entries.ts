/** Writes what is kept of single entries: pieces, times, ids, parents and ends. */
import type { DatabaseSync } from 'node:sqlite';
import type { Single } from '../../core/query/fold.ts';
import { openBlob, type State, sealBlob } from './database.ts';
import { idKey } from './ids.ts';
import type { Lookup } from './lookup.ts';
import { encodePiece, PIECE_ENTRIES, type Piece, type Place, type Run } from './record.ts';
import { decodeTimes, encodeTimes, msOf, PART_ENTRIES } from './times.ts';

/** One entry of the batch. */
export interface Added {
  readonly single: Single | undefined;
  readonly words: ReadonlySet<string>;
  readonly record: string;
  readonly place: Place;
}

/** Stands for an entry that is not in the log. */
const ABSENT = '[0]';

/** Within a transaction. `added` are the entries from `state.size` on. */
export function writeEntries(
  database: DatabaseSync,
  lookup: Pick<Lookup, 'piece'>,
  { size, seed }: State,
  added: readonly Added[],
  ends: ReadonlyMap<number, number>,
): void {
  writePieces(database, lookup, size, added);
  writeTimes(database, size, added);
  const ids: [number, number][] = [];
  const parents: [number, number][] = [];
  added.forEach(({ single }, i) => {
    if (single?.id !== undefined) ids.push([idKey(single.id, seed), size + i]);
    if (single?.parent !== undefined) parents.push([idKey(single.parent, seed), size + i]);
  });
  writePairs(database, 'INSERT INTO ids VALUES (?, ?)', ids);
  writePairs(database, 'INSERT INTO parents VALUES (?, ?)', parents);
  writePairs(database, 'INSERT OR REPLACE INTO ends VALUES (?, ?)', [...ends]);
}

/** In the order of their keys: neighbours lie on one page. */
function writePairs(database: DatabaseSync, sql: string, pairs: [number, number][]): void {
  const insert = database.prepare(sql);
  for (const [key, value] of pairs.sort((a, b) => a[0] - b[0] || a[1] - b[1])) insert.run(key, value);
}

function writePieces(
  database: DatabaseSync,
  lookup: Pick<Lookup, 'piece'>,
  size: number,
  added: readonly Added[],
): void {
  const insert = database.prepare('INSERT OR REPLACE INTO piece VALUES (?, ?)');
  const end = size + added.length;
  for (let no = Math.floor(size / PIECE_ENTRIES); no * PIECE_ENTRIES < end; no++) {
    const base = no * PIECE_ENTRIES;
    const from = Math.max(size, base);
    const part = added.slice(from - size, base + PIECE_ENTRIES - size);
    const held = from > base ? lookup.piece(no) : undefined;
    insert.run(no, sealBlob(encodePiece(extended(held, from - base, part))));
  }
}

function extended(held: Piece | undefined, at: number, added: readonly Added[]): Piece {
  const records = [...(held?.records ?? [])];
  while (records.length < at) records.push(ABSENT);
  const runs: Run[] = [...(held?.runs ?? [])];
  let next: Place | undefined;
  added.forEach(({ place, record }, i) => {
    if (next === undefined || place.segment !== next.segment || place.offset !== next.offset + next.bytes)
      runs.push({ at: at + i, segment: place.segment, offset: place.offset });
    next = place;
    records.push(record);
  });
  return { runs, records };
}

function writeTimes(database: DatabaseSync, size: number, added: readonly Added[]): void {
  const insert = database.prepare('INSERT OR REPLACE INTO times VALUES (?, ?)');
  const span = database.prepare('INSERT OR REPLACE INTO span VALUES (?, ?, ?, ?)');
  const end = size + added.length;
  for (let part = Math.floor(size / PART_ENTRIES); part * PART_ENTRIES < end; part++) {
    const base = part * PART_ENTRIES;
    const from = Math.max(size, base);
    const times = from > base ? heldTimes(database, part) : [];
    while (times.length < from - base) times.push(undefined);
    for (const { single } of added.slice(from - size, base + PART_ENTRIES - size))
      times.push(single?.ts === undefined ? undefined : (msOf(single.ts) ?? Number.NaN));
    const { low, high, rest, data } = encodeTimes(times);
    insert.run(part, sealBlob(new Uint8Array(data.buffer)));
    span.run(part, low ?? null, high ?? null, rest);
  }
}

function heldTimes(database: DatabaseSync, part: number): (number | undefined)[] {
  const stored = openBlob(database.prepare('SELECT data FROM times WHERE part = ?').get(part)?.data);
  const low = database.prepare('SELECT low FROM span WHERE part = ?').get(part)?.low;
  if (stored === undefined) return [];
  return decodeTimes(typeof low === 'number' ? low : undefined, new Uint32Array(stored.slice().buffer));
}
