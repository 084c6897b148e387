/**
 * Rows that have a value which hardly any other has: ids of steps, and words that look like ids. Their sets would be as
 * many as the rows; so they are kept as numbers instead, a hash of the value and the place of the row.
 */
import type { DatabaseSync } from 'node:sqlite';
import { hashText } from './ids.ts';
import { keyNumber } from './keys.ts';

/** Shorter runs of letters and digits are words, years, codes; and `service12` is a name. */
const ID_CHARS = 8;
const DIGITS = 3;

function looksLikeId(word: string): boolean {
  if (word.length < ID_CHARS) return false;
  let digits = 0;
  for (let i = 0; i < word.length; i++) {
    const code = word.charCodeAt(i);
    if (code >= 0x30 && code <= 0x39 && ++digits === DIGITS) return true;
  }
  return false;
}

/** Told by the value alone, so that whoever looks for it knows where. */
export function isRare(key: number, value: string): boolean {
  return key === keyNumber.step || (key === keyNumber.word && looksLikeId(value));
}

export interface RareChanges {
  add(key: number, value: string, place: number): void;
  remove(key: number, value: string, place: number): void;
  /** Within a transaction. */
  write(database: DatabaseSync, block: number): void;
}

export function createRareChanges(seed: number): RareChanges {
  const hashes: number[] = [];
  const places: number[] = [];
  const removed: (readonly [hash: number, place: number])[] = [];
  const hashOf = (key: number, value: string): number => hashText(value, seed ^ key);

  return {
    add(key, value, place) {
      hashes.push(hashOf(key, value));
      places.push(place);
    },
    remove: (key, value, place) => removed.push([hashOf(key, value), place]),
    write(database, block) {
      // A row says a word once, whatever its entries say.
      const insert = database.prepare('INSERT OR IGNORE INTO rare VALUES (?, ?, ?)');
      // In the order of their keys: neighbours lie on one page.
      const order = Uint32Array.from(hashes, (_, i) => i);
      order.sort((a, b) => (hashes[a] ?? 0) - (hashes[b] ?? 0));
      for (const i of order) insert.run(block, hashes[i] ?? 0, places[i] ?? 0);
      const remove = database.prepare('DELETE FROM rare WHERE block = ? AND hash = ? AND place = ?');
      for (const [hash, place] of removed) remove.run(block, hash, place);
    },
  };
}

/** Places of the rows of a block that have the value, or one with the same hash: one in 2^48, and nobody can tell which. */
export function createRareSets(database: DatabaseSync, seed: number) {
  const select = database.prepare('SELECT place FROM rare WHERE block = ? AND hash = ? ORDER BY place');
  return (block: number, key: number, value: string): readonly number[] =>
    select.all(block, hashText(value, seed ^ key)).map(({ place }) => Number(place));
}
