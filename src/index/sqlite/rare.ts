/**
 * Rows that have a value which hardly any other has: ids of steps, and words that look like ids. Their sets would be as
 * many as the rows; so they are kept as numbers instead, a hash of the value and the place of the row, in sorted lists.
 */
import type { DatabaseSync } from 'node:sqlite';
import { openBlob, sealBlob } from './database.ts';
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

/** Lists of a block, by the upper bits of the hash: one look-up reads one of them, some kilobytes. */
const LISTS_BITS = 7;
const LISTS = 2 ** LISTS_BITS;
const PLACES = 2 ** 16;
/**
 * A hash of 48 bits and a place of 16 are one number of 64 bits, kept as its two halves, the lower first: in the order
 * of the machine, which sorts them as one.
 */
const NUMBERS_A_PAIR = 2;
const LIST_SHIFT = 32 - LISTS_BITS;

/** Where the lists of a block begin. */
export function rareSlot(block: number): number {
  return block * LISTS;
}

export interface RareChanges {
  add(key: number, value: string, place: number): void;
  remove(key: number, value: string, place: number): void;
  /** Within a transaction. In a block that is `fresh` there is nothing yet. */
  write(database: DatabaseSync, block: number, fresh: boolean): void;
}

export function createRareChanges(seed: number): RareChanges {
  const added = createPairs();
  const removed = createPairs();

  return {
    add: (key, value, place) => added.add(hashText(value, seed ^ key), place),
    remove: (key, value, place) => removed.add(hashText(value, seed ^ key), place),
    write(database, block, fresh) {
      const select = database.prepare('SELECT data FROM rare WHERE slot = ?');
      const replace = database.prepare('INSERT OR REPLACE INTO rare VALUES (?, ?)');
      const more = added.sorted();
      const less = removed.sorted();
      for (let list = 0; list < LISTS; list++) {
        const [plus, minus] = [partOf(more, list), partOf(less, list)];
        if (plus.length === 0 && minus.length === 0) continue;
        const slot = rareSlot(block) + list;
        const held = fresh ? undefined : openBlob(select.get(slot)?.data);
        const next = without(merged(numbersOf(held), plus), minus);
        replace.run(slot, sealBlob(new Uint8Array(next.buffer, next.byteOffset, next.byteLength)));
      }
    },
  };
}

function createPairs() {
  let numbers = new Uint32Array(64);
  let length = 0;
  return {
    add(hash: number, place: number): void {
      if (length === numbers.length) {
        const larger = new Uint32Array(2 * length);
        larger.set(numbers);
        numbers = larger;
      }
      numbers[length++] = (hash % PLACES) * PLACES + place;
      numbers[length++] = Math.floor(hash / PLACES);
    },
    /** Each pair once: a row says a word once, whatever its entries say. */
    sorted(): Uint32Array {
      const used = numbers.subarray(0, length);
      new BigUint64Array(used.buffer, 0, length / NUMBERS_A_PAIR).sort();
      let kept = 0;
      for (let i = 0; i < length; i += NUMBERS_A_PAIR) {
        if (kept > 0 && compare(used, kept - NUMBERS_A_PAIR, used, i) === 0) continue;
        used.copyWithin(kept, i, i + NUMBERS_A_PAIR);
        kept += NUMBERS_A_PAIR;
      }
      return used.subarray(0, kept);
    },
  };
}

function compare(a: Uint32Array, i: number, b: Uint32Array, j: number): number {
  return (a[i + 1] ?? 0) - (b[j + 1] ?? 0) || (a[i] ?? 0) - (b[j] ?? 0);
}

/** Those that belong to one list. */
function partOf(pairs: Uint32Array, list: number): Uint32Array {
  const begin = firstFrom(pairs, (list << LIST_SHIFT) >>> 0, 0);
  const end = list + 1 < LISTS ? firstFrom(pairs, ((list + 1) << LIST_SHIFT) >>> 0, 0) : pairs.length;
  return pairs.subarray(begin, end);
}

/** Where the pairs begin that are not below the number with these halves. */
function firstFrom(pairs: Uint32Array, high: number, low: number): number {
  let from = 0;
  let to = pairs.length / NUMBERS_A_PAIR;
  while (from < to) {
    const middle = (from + to) >>> 1;
    const at = middle * NUMBERS_A_PAIR;
    const order = (pairs[at + 1] ?? 0) - high || (pairs[at] ?? 0) - low;
    if (order < 0) from = middle + 1;
    else to = middle;
  }
  return from * NUMBERS_A_PAIR;
}

function numbersOf(stored: Uint8Array | undefined): Uint32Array {
  if (stored === undefined) return new Uint32Array();
  const { buffer, byteOffset, length } = stored.byteOffset % 4 === 0 ? stored : stored.slice();
  return new Uint32Array(buffer, byteOffset, (length >>> 3) * NUMBERS_A_PAIR);
}

/** What is in either, in order. */
function merged(a: Uint32Array, b: Uint32Array): Uint32Array {
  if (a.length === 0) return b;
  const all = new Uint32Array(a.length + b.length);
  let at = 0;
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    const order = i >= a.length ? 1 : j >= b.length ? -1 : compare(a, i, b, j);
    const [from, place] = order <= 0 ? ([a, i] as const) : ([b, j] as const);
    all[at++] = from[place] ?? 0;
    all[at++] = from[place + 1] ?? 0;
    if (order <= 0) i += NUMBERS_A_PAIR;
    if (order >= 0) j += NUMBERS_A_PAIR;
  }
  return all.subarray(0, at);
}

function without(pairs: Uint32Array, removed: Uint32Array): Uint32Array {
  if (removed.length === 0) return pairs;
  const left: number[] = [];
  for (let i = 0; i < pairs.length; i += NUMBERS_A_PAIR) {
    const at = firstFrom(removed, pairs[i + 1] ?? 0, pairs[i] ?? 0);
    if (at < removed.length && compare(removed, at, pairs, i) === 0) continue;
    left.push(pairs[i] ?? 0, pairs[i + 1] ?? 0);
  }
  return Uint32Array.from(left);
}

/** Places of the rows of a block that have the value, or one with the same hash: one in 2^48, and nobody can tell which. */
export function createRareSets(database: DatabaseSync, seed: number) {
  const select = database.prepare('SELECT data FROM rare WHERE slot = ?');
  return (block: number, key: number, value: string): readonly number[] => {
    const hash = hashText(value, seed ^ key);
    const high = Math.floor(hash / PLACES);
    const low = (hash % PLACES) * PLACES;
    const pairs = numbersOf(openBlob(select.get(rareSlot(block) + (high >>> LIST_SHIFT))?.data));
    const places: number[] = [];
    for (let at = firstFrom(pairs, high, low); pairs[at + 1] === high; at += NUMBERS_A_PAIR) {
      const number = pairs[at] ?? 0;
      if (number >= low + PLACES) break;
      places.push(number - low);
    }
    return places;
  };
}
