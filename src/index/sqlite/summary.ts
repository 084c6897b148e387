/**
 * Adds a summary up: whole blocks from the tallies of their sets, the edges of a window and everything that
 * is filtered from the sets themselves. No row is read.
 */
import type { DatabaseSync } from 'node:sqlite';
import type { LogFilter } from '../../core/query/filter.ts';
import { KINDS } from '../../core/query/kind.ts';
import type { Dimension, Summary } from '../../core/query/port.ts';
import { addTally, emptyTally, finishSums, hourOf, newSums, type Sums } from '../../core/query/sums.ts';
import { openBlob, openSet, type Value } from './database.ts';
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
import {
  addTotals,
  asTally,
  decodeTally,
  FIRST,
  LAST,
  newTotals,
  TALLY_COUNTS,
  type Totals,
} from './tally.ts';
import { createExtremes, type Windowed } from './window.ts';

export interface SummaryParts {
  readonly database: DatabaseSync;
  readonly sets: Sets;
  readonly lookup: Pick<Lookup, 'single'>;
  readonly windowed: Windowed;
}

interface Hour {
  readonly totals: Totals;
  /** Blocks that have rows in it, and which of those count; all without. */
  readonly places: [block: number, bits: Bits | undefined][];
}

export function summarize(
  parts: SummaryParts,
  filter: LogFilter,
  by: readonly Dimension[],
  top: number,
): Summary {
  const { database, sets, windowed } = parts;
  const tallies = database.prepare('SELECT value, counts FROM tally WHERE slot = ?');
  const data = database.prepare('SELECT value, data FROM post WHERE slot = ?');
  for (const statement of [tallies, data]) statement.setReturnArrays(true);
  const { since: _since, until: _until, ...rest } = filter;
  const conditions = conditionsOf(rest);
  const { notTypes = [], ...wanted } = rest;
  const isAll = conditionsOf(wanted).every(({ key }) => key === keyNumber.all);
  /** What is left out is in few blocks, mostly: in the others every row counts. */
  const isWhole = (block: number): boolean =>
    isAll && !notTypes.some((type) => sets.get(block, keyNumber.type, storable(type)) !== undefined);
  const all = newTotals();
  const hours = new Map<string, Hour>();
  const values = new Map(by.map((dimension) => [dimension, new Map<string, Totals>()]));

  /** Every value of a dimension in a block, with the tally of its rows that count. */
  function eachValue(
    block: number,
    key: number,
    within: Within | undefined,
    see: (value: string, numbers: ArrayLike<number>) => void,
  ): void {
    const statement = within === undefined ? tallies : data;
    for (const [value, stored] of statement.all(slotOf(block, key)) as unknown as [string, Value][]) {
      const set = within === undefined ? undefined : openSet(stored);
      const found = set === undefined ? decodeTally(openBlob(stored)) : within?.count(set);
      if (found !== undefined) see(value, found);
    }
  }

  for (const block of windowed.blocks) {
    const window = windowed.bits(block);
    if (window === undefined) continue;
    let within: Within | undefined;
    if (window !== 'all' || !isWhole(block)) {
      const met = sets.meeting(block, conditions);
      const bits = met === undefined || window === 'all' ? met : intersect(met, window);
      if (bits === undefined) continue;
      within = createWithin(bits, block, sets);
    }
    const base = block * BLOCK_ROWS;
    eachValue(block, keyNumber.all, within, (_value, numbers) => addTotals(all, numbers, base));
    eachValue(block, keyNumber.hour, within, (value, numbers) => {
      let hour = hours.get(value);
      if (hour === undefined) {
        hour = { totals: newTotals(), places: [] };
        hours.set(value, hour);
      }
      addTotals(hour.totals, numbers, base);
      hour.places.push([block, within?.bits]);
    });
    for (const [dimension, held] of values) {
      eachValue(block, keyNumber[dimension], within, (value, numbers) => {
        let totals = held.get(value);
        if (totals === undefined) {
          totals = newTotals();
          held.set(value, totals);
        }
        addTotals(totals, numbers, base);
      });
    }
  }
  const sums = newSums(by);
  addTally(sums.totals, asTally(all));
  for (const [dimension, held] of values)
    for (const [value, totals] of held) {
      const counts = emptyTally();
      addTally(counts, asTally(totals));
      sums.by
        .get(dimension)
        ?.set(restored(value), { counts, first: totals[FIRST] ?? 0, last: totals[LAST] ?? 0 });
    }
  finishHours(sums, hours, parts);
  return finishSums(sums, top);
}

interface Within {
  readonly bits: Bits;
  /** How the rows of a set came out that are in `bits`, as a stored tally tells it; undefined when none is. */
  count(set: Uint8Array): readonly number[] | undefined;
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
      return first === -1 ? undefined : [...counts, first, last];
    },
  };
}

/** The first and the last time are those of rows of the first and the last hour. */
function finishHours(
  sums: Sums,
  hours: ReadonlyMap<string, Hour>,
  { database, sets, lookup }: SummaryParts,
): void {
  const sorted = [...hours.keys()].map(restored).sort((a, b) => (a < b ? -1 : 1));
  for (const hour of sorted) {
    const counts = emptyTally();
    addTally(counts, asTally(hours.get(storable(hour))?.totals ?? []));
    sums.hours.set(hourOf(hour), counts);
  }
  const extremes = createExtremes(database, lookup);
  const edge = (
    hour: string | undefined,
    which: 'from' | 'to',
    better: (a: string, b: string) => boolean,
  ): void => {
    if (hour === undefined) return;
    for (const [block, bits] of hours.get(storable(hour))?.places ?? []) {
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
