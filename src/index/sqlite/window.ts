/** Which rows of which blocks a window of time holds. Times are mapped to places first, so that the past costs no more than the present. */
import type { DatabaseSync } from 'node:sqlite';
import { openBlob } from './database.ts';
import type { Lookup } from './lookup.ts';
import { type Bits, BLOCK_ROWS, noBits, setBit, setRange } from './positions.ts';
import { firstNotBefore, NO_TIME, ODD_TIME, PART_ENTRIES, REST } from './times.ts';

export interface Window {
  readonly since?: string | undefined;
  readonly until?: string | undefined;
}

export interface Windowed {
  /** Blocks that may have rows in the window, ascending. */
  readonly blocks: readonly number[];
  /** Places in the window; 'all' when every row of the block is in it, undefined when none is. */
  bits(block: number): Bits | 'all' | undefined;
}

const PARTS = BLOCK_ROWS / PART_ENTRIES;

/** The earliest and the latest `ts` of some rows of a block, by their numbers; by their texts where those are odd. */
export function createExtremes(database: DatabaseSync, lookup: Pick<Lookup, 'single'>) {
  const timesOf = database.prepare('SELECT data FROM times WHERE part = ?');
  return (block: number, places: Iterable<number>): { readonly from?: string; readonly to?: string } => {
    let from: string | undefined;
    let to: string | undefined;
    let held = -1;
    let times: Uint32Array = new Uint32Array();
    let earliest = -1;
    let latest = -1;
    const see = (ts: string | undefined): void => {
      if (ts === undefined) return;
      if (from === undefined || ts < from) from = ts;
      if (to === undefined || ts > to) to = ts;
    };
    const seeBoth = (): void => {
      for (const index of [earliest, latest]) if (index !== -1) see(lookup.single(index)?.ts);
    };
    for (const at of places) {
      const index = block * BLOCK_ROWS + at;
      const part = Math.floor(index / PART_ENTRIES);
      if (part !== held) {
        seeBoth();
        held = part;
        times = new Uint32Array((openBlob(timesOf.get(part)?.data) ?? new Uint8Array()).slice().buffer);
        earliest = -1;
        latest = -1;
      }
      const after = times[index % PART_ENTRIES] ?? NO_TIME;
      if (after === NO_TIME) continue;
      if (after === ODD_TIME) {
        see(lookup.single(index)?.ts);
        continue;
      }
      if (earliest === -1 || after < (times[earliest % PART_ENTRIES] ?? 0)) earliest = index;
      if (latest === -1 || after > (times[latest % PART_ENTRIES] ?? 0)) latest = index;
    }
    seeBoth();
    return { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) };
  };
}

/** Of the times of one part. All of them are read once: readers keep their view. */
interface Span {
  readonly part: number;
  readonly low: number | undefined;
  readonly high: number | undefined;
  readonly rest: number;
}

export function createWindows(database: DatabaseSync, lookup: Pick<Lookup, 'single'>) {
  const timesOf = database.prepare('SELECT data FROM times WHERE part = ?');
  let known: ReadonlyMap<number, readonly Span[]> | undefined;

  function spans(): ReadonlyMap<number, readonly Span[]> {
    if (known !== undefined) return known;
    const blocks = new Map<number, Span[]>();
    const number = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined);
    for (const row of database.prepare('SELECT part, low, high, rest FROM span ORDER BY part').all()) {
      const part = Number(row.part);
      const block = Math.floor(part / PARTS);
      const span = { part, low: number(row.low), high: number(row.high), rest: Number(row.rest) };
      const held = blocks.get(block);
      if (held === undefined) blocks.set(block, [span]);
      else held.push(span);
    }
    known = blocks;
    return blocks;
  }

  return ({ since, until }: Window): Windowed => {
    const blocks = spans();
    if (since === undefined && until === undefined) return { blocks: [...blocks.keys()], bits: () => 'all' };
    const from = since === undefined ? Number.NEGATIVE_INFINITY : firstNotBefore(since);
    const to = until === undefined ? Number.POSITIVE_INFINITY : firstNotBefore(until);
    const mayHold = ({ low, high, rest }: Span): boolean =>
      rest === REST.odd || (low !== undefined && high !== undefined && high >= from && low < to);

    function inWindow(index: number): boolean {
      const ts = lookup.single(index)?.ts;
      return ts !== undefined && (since === undefined || ts >= since) && (until === undefined || ts < until);
    }

    function look(bits: Bits, part: number, low: number): boolean {
      const stored = openBlob(timesOf.get(part)?.data);
      if (stored === undefined) return false;
      const times = new Uint32Array(stored.slice().buffer);
      const start = part * PART_ENTRIES;
      let any = false;
      for (let i = 0; i < times.length; i++) {
        const after = times[i] ?? NO_TIME;
        if (after === NO_TIME) continue;
        const time = low + after;
        if (after === ODD_TIME ? !inWindow(start + i) : time < from || time >= to) continue;
        any = true;
        setBit(bits, (start + i) % BLOCK_ROWS);
      }
      return any;
    }

    return {
      blocks: [...blocks].filter(([, held]) => held.some(mayHold)).map(([block]) => block),
      bits(block) {
        const bits = noBits();
        let any = false;
        let all = true;
        for (const span of blocks.get(block) ?? []) {
          const { part, low, high, rest } = span;
          const isIn = low !== undefined && high !== undefined && low >= from && high < to;
          if (isIn && rest === REST.none) {
            const start = (part % PARTS) * PART_ENTRIES;
            setRange(bits, start, start + PART_ENTRIES);
          } else {
            all = false;
            if (!mayHold(span) || !look(bits, part, low ?? 0)) continue;
          }
          any = true;
        }
        if (!any) return undefined;
        return all ? 'all' : bits;
      },
    };
  };
}
