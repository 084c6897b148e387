/** Which rows of a block a filter wants: the sets of its conditions, cut with each other. */
import type { DatabaseSync } from 'node:sqlite';
import { openSet } from './database.ts';
import { type Condition, ESCAPE, keyNumber, restored, slotOf, storable } from './keys.ts';
import type { Lookup } from './lookup.ts';
import { type Bits, BLOCK_ROWS, bitsOf, encodePlaces, intersect, noBits, uniteInto } from './positions.ts';
import { createRareSets, isRare } from './rare.ts';

export interface Sets {
  /** The stored set of rows with that value. */
  get(block: number, key: number, value: string): Uint8Array | undefined;
  /** All rows of a block. */
  all(block: number): Bits | undefined;
  /** Different values that begin with `prefix`, at most `most`; newest blocks first. */
  beginningWith(blocks: readonly number[], key: number, prefix: string, most: number): readonly string[];
  /** Rows that meet all conditions; undefined when none does. */
  meeting(block: number, conditions: readonly Condition[]): Bits | undefined;
}

export function createSets(database: DatabaseSync, seed: number, lookup: Pick<Lookup, 'rowAt'>): Sets {
  const rare = createRareSets(database, seed);
  const one = database.prepare('SELECT data FROM post WHERE slot = ? AND value = ?');
  const from = database.prepare('SELECT value FROM post WHERE slot = ? AND value >= ? ORDER BY value');
  const values = database.prepare('SELECT value FROM post WHERE slot = ?');

  const get: Sets['get'] = (block, key, value) =>
    isRare(key, value) ? rareSet(block, key, value) : openSet(one.get(slotOf(block, key), value)?.data);

  function rareSet(block: number, key: number, value: string): Uint8Array | undefined {
    const places = rare(block, key, value).filter(
      // Words are not in a row: there the hash has to do.
      (at) => key !== keyNumber.step || storable(lookup.rowAt(block * BLOCK_ROWS + at)?.step ?? '') === value,
    );
    return places.length === 0 ? undefined : encodePlaces(places);
  }

  function met(block: number, condition: Condition): Bits | undefined {
    const wanted =
      'values' in condition
        ? condition.values
        : values
            .all(slotOf(block, condition.key))
            .map(({ value }) => String(value))
            .filter((value) => condition.test(restored(value)));
    let bits: Bits | undefined;
    for (const value of wanted) {
      const stored = get(block, condition.key, value);
      if (stored === undefined) continue;
      bits ??= noBits();
      uniteInto(bits, stored);
    }
    return bits;
  }

  return {
    get,
    all(block) {
      const stored = get(block, keyNumber.all, '');
      return stored === undefined ? undefined : bitsOf(stored);
    },
    beginningWith(blocks, key, prefix, most) {
      const found = new Set<string>();
      for (const block of blocks.toReversed())
        for (const begin of new Set([prefix, ESCAPE])) {
          if (!begin.isWellFormed()) continue;
          for (const { value } of from.iterate(slotOf(block, key), begin)) {
            if (!String(value).startsWith(begin)) break;
            const text = restored(String(value));
            if (text.startsWith(prefix)) found.add(text);
            if (found.size >= most) return [...found];
          }
        }
      return [...found];
    },
    meeting(block, conditions) {
      let bits: Bits | undefined;
      for (const condition of conditions) {
        const next = met(block, condition);
        if (next === undefined) return undefined;
        bits = bits === undefined ? next : intersect(bits, next);
        if (bits === undefined) return undefined;
      }
      return bits;
    },
  };
}
