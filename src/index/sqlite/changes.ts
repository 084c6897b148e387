/** What a batch does to the sets of rows, gathered in memory, and then written one set after the other. */
import type { DatabaseSync } from 'node:sqlite';
import { KINDS } from '../../core/query/kind.ts';
import { kindOf, type Row } from '../../core/query/row.ts';
import { openBlob, openSet, sealSet } from './database.ts';
import { COUNTED, eachKey, KEY_COUNT, keyNumber, slotOf, storable } from './keys.ts';
import { BLOCK_ROWS, changePlaces, listPlaces, noBits, setBit } from './positions.ts';
import { createRareChanges, isRare, type RareChanges } from './rare.ts';
import { decodeTally, encodeTally, TALLY_COUNTS } from './tally.ts';

interface Change {
  readonly added: number[];
  removed: number[] | undefined;
  /** By how much the counts change: one for each kind, and `redacted`. */
  readonly counts: number[] | undefined;
}

interface BlockChanges {
  /** A number: the place of the only row that is added. Many values come once in a block, and never again. */
  readonly values: readonly Map<string, Change | number>[];
  /** By key: the value that came last, which is often the next one as well. */
  readonly lastValue: (string | undefined)[];
  readonly lastChange: (Change | undefined)[];
  readonly rare: RareChanges;
}

export interface Changes {
  /** `before`: as it is so far, in the index or by an earlier call. */
  row(row: Row, before: Row | undefined): void;
  /** It is in no set any more; `before` as above. */
  drop(before: Row): void;
  words(index: number, added: Iterable<string>, removed?: Iterable<string>): void;
  /** Within a transaction. In blocks from `fresh` on there is nothing yet. */
  write(database: DatabaseSync, fresh: number): void;
}

export function createChanges(seed: number): Changes {
  const blocks = new Map<number, BlockChanges>();

  function blockOf(index: number): BlockChanges {
    const no = Math.floor(index / BLOCK_ROWS);
    const known = blocks.get(no);
    if (known !== undefined) return known;
    const made = {
      values: Array.from({ length: KEY_COUNT }, () => new Map<string, Change | number>()),
      lastValue: new Array<undefined>(KEY_COUNT).fill(undefined),
      lastChange: new Array<undefined>(KEY_COUNT).fill(undefined),
      rare: createRareChanges(seed),
    };
    blocks.set(no, made);
    return made;
  }

  function changeOf(block: BlockChanges, key: number, value: string): Change {
    const last = block.lastChange[key];
    if (last !== undefined && block.lastValue[key] === value) return last;
    const values = block.values[key];
    const known = values?.get(value);
    const change = typeof known === 'object' ? known : newChange(COUNTED.has(key), known);
    if (change !== known) values?.set(value, change);
    block.lastValue[key] = value;
    block.lastChange[key] = change;
    return change;
  }

  function leave(block: BlockChanges, key: number, value: string, at: number, before: Row): void {
    if (isRare(key, value)) {
      block.rare.remove(key, value, at);
      return;
    }
    const change = changeOf(block, key, value);
    remove(change, at);
    if (change.counts !== undefined) count(change.counts, KINDS.indexOf(kindOf(before)), before.redacted, -1);
  }

  return {
    row(row, before) {
      const block = blockOf(row.index);
      const at = row.index % BLOCK_ROWS;
      if (before === undefined) {
        const kind = KINDS.indexOf(kindOf(row));
        eachKey(row, (key, value) => {
          if (isRare(key, value)) {
            block.rare.add(key, value, at);
            return;
          }
          const values = block.values[key];
          if (!COUNTED.has(key) && values !== undefined) {
            addPlain(values, value, at);
            return;
          }
          const change = changeOf(block, key, value);
          add(change, at);
          if (change.counts !== undefined) count(change.counts, kind, row.redacted, 1);
        });
        return;
      }
      const kinds = [KINDS.indexOf(kindOf(before)), KINDS.indexOf(kindOf(row))] as const;
      const had = new Set<string>();
      eachKey(before, (key, value) => had.add(`${key} ${value}`));
      eachKey(row, (key, value) => {
        if (isRare(key, value)) {
          if (!had.delete(`${key} ${value}`)) block.rare.add(key, value, at);
          return;
        }
        const change = changeOf(block, key, value);
        if (!had.delete(`${key} ${value}`)) add(change, at);
        else if (change.counts !== undefined) count(change.counts, kinds[0], before.redacted, -1);
        if (change.counts !== undefined) count(change.counts, kinds[1], row.redacted, 1);
      });
      eachKey(before, (key, value) => {
        if (had.has(`${key} ${value}`)) leave(block, key, value, at, before);
      });
    },
    drop(before) {
      const block = blockOf(before.index);
      const at = before.index % BLOCK_ROWS;
      eachKey(before, (key, value) => leave(block, key, value, at, before));
    },
    words(index, added, removed = []) {
      const block = blockOf(index);
      const at = index % BLOCK_ROWS;
      const values = block.values[keyNumber.word];
      for (const word of added)
        if (isRare(keyNumber.word, word)) block.rare.add(keyNumber.word, word, at);
        else if (values !== undefined) addPlain(values, word, at);
      for (const word of removed)
        if (isRare(keyNumber.word, word)) block.rare.remove(keyNumber.word, word, at);
        else remove(changeOf(block, keyNumber.word, word), at);
    },
    write(database, fresh) {
      const write = setWriter(database);
      for (const [no, block] of [...blocks].sort(([a], [b]) => a - b)) {
        block.rare.write(database, no, no >= fresh);
        for (const [key, values] of block.values.entries()) {
          const isWord = key === keyNumber.word;
          // In the order of their keys: neighbours lie on one page.
          for (const value of [...values.keys()].sort()) {
            const change = values.get(value);
            if (change !== undefined)
              write(slotOf(no, key), isWord ? storable(value) : value, change, no >= fresh);
          }
        }
      }
    },
  };
}

/** Applies one change to the stored set. `isNew`: there is none. */
function setWriter(database: DatabaseSync) {
  const single = database.prepare('INSERT INTO post VALUES (?, ?, ?)');
  const replace = database.prepare('INSERT OR REPLACE INTO post VALUES (?, ?, ?)');
  const remove = database.prepare('DELETE FROM post WHERE slot = ? AND value = ?');
  const select = database.prepare('SELECT data FROM post WHERE slot = ? AND value = ?');
  const replaceTally = database.prepare('INSERT OR REPLACE INTO tally VALUES (?, ?, ?)');
  const removeTally = database.prepare('DELETE FROM tally WHERE slot = ? AND value = ?');
  const selectTally = database.prepare('SELECT counts FROM tally WHERE slot = ? AND value = ?');

  return (slot: number, value: string, change: Change | number, isNew: boolean): void => {
    const held = isNew ? undefined : select.get(slot, value);
    if (typeof change === 'number' && held === undefined) {
      single.run(slot, value, change);
      return;
    }
    const { added, removed, counts } =
      typeof change === 'number' ? { added: [change], removed: undefined, counts: undefined } : change;
    const before = held === undefined ? undefined : openSet(held.data);
    const data = changePlaces(before, ascending(added), removed ?? []);
    if (data === undefined) {
      if (held !== undefined) remove.run(slot, value);
      if (held !== undefined && counts !== undefined) removeTally.run(slot, value);
      return;
    }
    replace.run(slot, value, sealSet(data));
    if (counts === undefined) return;
    const stored = held === undefined ? undefined : openBlob(selectTally.get(slot, value)?.counts);
    replaceTally.run(slot, value, encodeTally(decodeTally(stored), counts, data));
  };
}

function newChange(counted: boolean, place: number | undefined): Change {
  const counts = counted ? new Array<number>(TALLY_COUNTS).fill(0) : undefined;
  return { added: place === undefined ? [] : [place], removed: undefined, counts };
}

function addPlain(values: Map<string, Change | number>, value: string, at: number): void {
  const known = values.get(value);
  if (typeof known === 'object') add(known, at);
  else if (known === undefined) values.set(value, at);
  else if (known !== at) {
    const change = newChange(false, known);
    change.added.push(at);
    values.set(value, change);
  }
}

function add(change: Change, at: number): void {
  const { added } = change;
  const last = added.length === 0 ? -1 : (added[added.length - 1] ?? -1);
  // A word of both entries of a call.
  if (last === at) return;
  added.push(at);
}

function remove(change: Change, at: number): void {
  const known = change.added.lastIndexOf(at);
  if (known !== -1) change.added.splice(known, 1);
  else if (change.removed === undefined) change.removed = [at];
  else change.removed.push(at);
}

/** Fewer are sorted in less time than a set of the whole block takes. */
const FEW = 64;

/** Each once. Nearly always it is so already. */
function ascending(places: readonly number[]): readonly number[] {
  for (let i = 1; i < places.length; i++) {
    if ((places[i] ?? 0) > (places[i - 1] ?? 0)) continue;
    if (places.length < FEW) return [...new Set(places)].sort((a, b) => a - b);
    const bits = noBits();
    for (const at of places) setBit(bits, at);
    return listPlaces(bits);
  }
  return places;
}

function count(counts: number[], kind: number, redacted: boolean, by: number): void {
  counts[kind] = (counts[kind] ?? 0) + by;
  if (redacted) counts[KINDS.length] = (counts[KINDS.length] ?? 0) + by;
}
