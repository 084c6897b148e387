/**
 * How the rows of one set came out, as stored apart from it: a summary adds these up without looking at rows. Eight numbers:
 * one for each kind, `redacted`, and the places of the first and the last row in the block.
 */
import { KINDS } from '../../core/query/kind.ts';
import type { Tally } from '../../core/query/port.ts';
import { emptyTally } from '../../core/query/sums.ts';
import { edgesOf } from './positions.ts';

/** One for each kind, and `redacted`. */
export const TALLY_COUNTS = KINDS.length + 1;
export const FIRST = TALLY_COUNTS;
export const LAST = TALLY_COUNTS + 1;
const NUMBERS = TALLY_COUNTS + 2;

/** `data`: the set as it is after the change. */
export function encodeTally(
  before: ArrayLike<number> | undefined,
  change: readonly number[],
  data: Uint8Array,
): Uint8Array {
  const [first, last] = edgesOf(data);
  const counts = change.map((by, i) => by + (before?.[i] ?? 0));
  return new Uint8Array(Uint32Array.from([...counts, first, last]).buffer);
}

export function decodeTally(stored: Uint8Array | undefined): Uint32Array | undefined {
  if (stored === undefined) return undefined;
  const { buffer, byteOffset } = stored.byteOffset % 4 === 0 ? stored : stored.slice();
  return new Uint32Array(buffer, byteOffset, NUMBERS);
}

export function asTally(counts: ArrayLike<number>): Tally {
  const tally = emptyTally();
  KINDS.forEach((kind, i) => {
    tally[kind] = counts[i] ?? 0;
    tally.total += counts[i] ?? 0;
  });
  tally.redacted = counts[KINDS.length] ?? 0;
  return tally;
}

/** Sums over blocks: the numbers above, with indexes in place of places. */
export type Totals = number[];

export function newTotals(): Totals {
  const totals = new Array<number>(NUMBERS).fill(0);
  totals[FIRST] = Number.POSITIVE_INFINITY;
  totals[LAST] = -1;
  return totals;
}

/** `base`: index of the block's first row. */
export function addTotals(totals: Totals, numbers: ArrayLike<number>, base: number): void {
  for (let i = 0; i < TALLY_COUNTS; i++) totals[i] = (totals[i] ?? 0) + (numbers[i] ?? 0);
  totals[FIRST] = Math.min(totals[FIRST] ?? 0, base + (numbers[FIRST] ?? 0));
  totals[LAST] = Math.max(totals[LAST] ?? 0, base + (numbers[LAST] ?? 0));
}
