/** Adds rows up to a summary. */
import { KINDS } from './kind.ts';
import type { Counted, Dimension, Summary, Tally } from './port.ts';
import { kindOf, type Row } from './row.ts';

type Counts = { -readonly [K in keyof Tally]: number };

export interface Sums {
  readonly totals: Counts;
  readonly by: ReadonlyMap<Dimension, Map<string, { readonly counts: Counts; first: number; last: number }>>;
  readonly hours: Map<string, Counts>;
  from?: string;
  to?: string;
}

export function emptyTally(): Counts {
  return { total: 0, succeeded: 0, failed: 0, stopped: 0, pending: 0, noted: 0, redacted: 0 };
}

export function newSums(by: readonly Dimension[]): Sums {
  return {
    totals: emptyTally(),
    by: new Map(by.map((dimension) => [dimension, new Map()])),
    hours: new Map(),
  };
}

/** Values by which a row is counted: one, none, or several credentials. */
export function valuesOf(row: Row, dimension: Dimension): readonly string[] {
  if (dimension === 'credential') return row.credentials;
  const value = row[dimension];
  return value === undefined ? [] : [value];
}

/** The hour of a time as entries write it, by its own bytes. */
export function hourOf(ts: string): string {
  return `${ts.slice(0, 13)}:00:00.000Z`;
}

export function addTo(sums: Sums, row: Row): void {
  addRow(sums.totals, row);
  for (const [dimension, values] of sums.by) {
    for (const value of valuesOf(row, dimension)) {
      const held = values.get(value) ?? { counts: emptyTally(), first: row.index, last: row.index };
      values.set(value, held);
      held.first = Math.min(held.first, row.index);
      held.last = Math.max(held.last, row.index);
      addRow(held.counts, row);
    }
  }
  const { ts } = row;
  if (ts === undefined) return;
  const hour = sums.hours.get(hourOf(ts)) ?? emptyTally();
  sums.hours.set(hourOf(ts), hour);
  addRow(hour, row);
  if (sums.from === undefined || ts < sums.from) sums.from = ts;
  if (sums.to === undefined || ts > sums.to) sums.to = ts;
}

function addRow(counts: Counts, row: Row): void {
  counts.total++;
  counts[kindOf(row)]++;
  if (row.redacted) counts.redacted++;
}

export function addTally(counts: Counts, more: Tally): void {
  counts.total += more.total;
  counts.redacted += more.redacted;
  for (const kind of KINDS) counts[kind] += more[kind];
}

export function finishSums(sums: Sums, top: number): Summary {
  const by: Partial<Record<Dimension, { distinct: number; values: readonly Counted[] }>> = {};
  for (const [dimension, values] of sums.by) {
    const counted = [...values].map(([value, { counts, first, last }]) => ({
      value,
      tally: counts,
      first,
      last,
    }));
    counted.sort((a, b) => b.tally.total - a.tally.total || (a.value < b.value ? -1 : 1));
    by[dimension] = { distinct: values.size, values: counted.slice(0, top) };
  }
  const hours = [...sums.hours].map(([hour, tally]) => ({ hour, tally }));
  hours.sort((a, b) => (a.hour < b.hour ? -1 : 1));
  return {
    totals: sums.totals,
    by,
    hours,
    ...(sums.from === undefined ? {} : { from: sums.from }),
    ...(sums.to === undefined ? {} : { to: sums.to }),
  };
}
