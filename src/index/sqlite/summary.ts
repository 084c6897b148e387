/**
 * Adds a summary up: whole blocks from the tallies that lie beside their sets, the edges of a window and everything that
 * is filtered from the sets themselves. No row is read.
 */
import type { DatabaseSync } from 'node:sqlite';
import type { LogFilter } from '../../core/query/filter.ts';
import { KINDS } from '../../core/query/kind.ts';
import type { Dimension, Summary, Tally } from '../../core/query/port.ts';
import { addTally, emptyTally, finishSums, newSums, type Sums } from '../../core/query/sums.ts';
import { openBlob, openSet } from './database.ts';
import { conditionsOf, keyNumber, restored, slotOf, storable } from './keys.ts';
import type { Lookup } from './lookup.ts';
import {
  type Bits,
  BLOCK_ROWS,
  bitsOf,
  eachPlace,
  hasBit,
  intersect,
  noBits,
  placesIn,
  setBit,
} from './positions.ts';
import type { Sets } from './select.ts';
import { asTally, decodeTally, TALLY_COUNTS } from './tally.ts';
import { createExtremes, type Windowed } from './window.ts';

export interface SummaryParts {
  readonly database: DatabaseSync;
  readonly sets: Sets;
  readonly lookup: Pick<Lookup, 'single'>;
  readonly windowed: Windowed;
}

type Hours = Map<
  string,
  { readonly tally: ReturnType<typeof emptyTally>; readonly places: [number, Bits | undefined][] }
>;
type See = (block: number, value: string, tally: Tally, first: number, last: number) => void;

export function summarize(
  parts: SummaryParts,
  filter: LogFilter,
  by: readonly Dimension[],
  top: number,
): Summary {
  const { database, sets, windowed } = parts;
  const tallies = database.prepare('SELECT value, tally FROM post WHERE slot = ?');
  const data = database.prepare('SELECT value, data FROM post WHERE slot = ?');
  const { since: _since, until: _until, ...rest } = filter;
  const conditions = conditionsOf(rest);
  const unfiltered = conditions.length === 1 && conditions[0]?.key === keyNumber.all;
  const sums = newSums(by);
  const hours: Hours = new Map();

  /** Every value of a dimension in a block, with the tally of its rows in `bits`; of all its rows without. */
  function eachValue(block: number, key: number, within: Within | undefined, see: See): void {
    if (within === undefined) {
      for (const { value, tally } of tallies.iterate(slotOf(block, key))) {
        const stored = decodeTally(openBlob(tally));
        if (stored !== undefined) see(block, String(value), asTally(stored), stored.first, stored.last);
      }
      return;
    }
    for (const { value, data: stored } of data.iterate(slotOf(block, key))) {
      const set = openSet(stored);
      const found = set === undefined ? undefined : within.count(set);
      if (found !== undefined) see(block, String(value), asTally(found), found.first, found.last);
    }
  }

  for (const block of windowed.blocks) {
    const window = windowed.bits(block);
    if (window === undefined) continue;
    let within: Within | undefined;
    if (window !== 'all' || !unfiltered) {
      const met = sets.meeting(block, conditions);
      const bits = met === undefined || window === 'all' ? met : intersect(met, window);
      if (bits === undefined) continue;
      within = createWithin(bits, block, sets);
    }
    const base = block * BLOCK_ROWS;
    eachValue(block, keyNumber.all, within, (_block, _value, tally) => addTally(sums.totals, tally));
    eachValue(block, keyNumber.hour, within, (_block, value, tally) => {
      const hour = restored(value);
      const known = hours.get(hour) ?? { tally: emptyTally(), places: [] };
      hours.set(hour, known);
      addTally(known.tally, tally);
      known.places.push([block, within?.bits]);
    });
    for (const dimension of by) {
      const values = sums.by.get(dimension);
      eachValue(block, keyNumber[dimension], within, (_block, value, tally, first, last) => {
        const text = restored(value);
        const held = values?.get(text);
        if (held === undefined) {
          const counts = emptyTally();
          addTally(counts, tally);
          values?.set(text, { counts, first: base + first, last: base + last });
          return;
        }
        addTally(held.counts, tally);
        held.first = Math.min(held.first, base + first);
        held.last = Math.max(held.last, base + last);
      });
    }
  }
  finishHours(sums, hours, parts);
  return finishSums(sums, top);
}

interface Within {
  readonly bits: Bits;
  /** How the rows of a set came out that are in `bits`; undefined when none is. */
  count(
    set: Uint8Array,
  ): { readonly counts: number[]; readonly first: number; readonly last: number } | undefined;
}

function createWithin(bits: Bits, block: number, sets: Sets): Within {
  const kinds = new Uint8Array(BLOCK_ROWS);
  KINDS.forEach((kind, i) => {
    const set = sets.get(block, keyNumber.kind, kind);
    if (set === undefined) return;
    eachPlace(set, (at) => {
      kinds[at] = i;
    });
  });
  const redacted = sets.get(block, keyNumber.redacted, '');
  const cut = noBits();
  if (redacted !== undefined) eachPlace(redacted, (at) => setBit(cut, at));
  return {
    bits,
    count(set) {
      const counts = new Array<number>(TALLY_COUNTS).fill(0);
      let first = -1;
      let last = -1;
      eachPlace(set, (at) => {
        if (!hasBit(bits, at)) return;
        if (first === -1) first = at;
        last = at;
        const kind = kinds[at] ?? 0;
        counts[kind] = (counts[kind] ?? 0) + 1;
        if (hasBit(cut, at)) counts[KINDS.length] = (counts[KINDS.length] ?? 0) + 1;
      });
      return first === -1 ? undefined : { counts, first, last };
    },
  };
}

/** The first and the last time are those of rows of the first and the last hour. */
function finishHours(sums: Sums, hours: Hours, { database, sets, lookup }: SummaryParts): void {
  const sorted = [...hours.keys()].sort((a, b) => (a < b ? -1 : 1));
  for (const hour of sorted) {
    const held = hours.get(hour);
    if (held !== undefined) sums.hours.set(`${hour}:00:00.000Z`, held.tally);
  }
  const extremes = createExtremes(database, lookup);
  const edge = (
    hour: string | undefined,
    which: 'from' | 'to',
    better: (a: string, b: string) => boolean,
  ): void => {
    if (hour === undefined) return;
    for (const [block, bits] of hours.get(hour)?.places ?? []) {
      const set = sets.get(block, keyNumber.hour, storable(hour));
      const rows = set === undefined ? undefined : bitsOf(set);
      const wanted = rows === undefined || bits === undefined ? rows : intersect(rows, bits);
      const found = wanted === undefined ? undefined : extremes(block, placesIn(wanted))[which];
      const best = sums[which];
      if (found !== undefined && (best === undefined || better(found, best))) sums[which] = found;
    }
  };
  edge(sorted[0], 'from', (a, b) => a < b);
  edge(sorted.at(-1), 'to', (a, b) => a > b);
}
