/** How the rows of one set came out, as stored beside it: a summary adds these up without looking at rows. */
import { KINDS } from '../../core/query/kind.ts';
import type { Tally } from '../../core/query/port.ts';
import { emptyTally } from '../../core/query/sums.ts';
import { edgesOf } from './positions.ts';

/** One for each kind, and `redacted`. */
export const TALLY_COUNTS = KINDS.length + 1;

export interface StoredTally {
  readonly counts: readonly number[];
  /** Places of the first and the last row in the block. */
  readonly first: number;
  readonly last: number;
}

/** `data`: the set as it is after the change. */
export function encodeTally(
  before: StoredTally | undefined,
  change: readonly number[],
  data: Uint8Array,
): Uint8Array {
  const [first, last] = edgesOf(data);
  const counts = change.map((by, i) => by + (before?.counts[i] ?? 0));
  return new Uint8Array(Uint32Array.from([...counts, first, last]).buffer);
}

export function decodeTally(stored: Uint8Array | undefined): StoredTally | undefined {
  if (stored === undefined) return undefined;
  const numbers = new Uint32Array(stored.slice().buffer);
  return {
    counts: [...numbers.subarray(0, TALLY_COUNTS)],
    first: numbers[TALLY_COUNTS] ?? 0,
    last: numbers[TALLY_COUNTS + 1] ?? 0,
  };
}

export function asTally({ counts }: Pick<StoredTally, 'counts'>): Tally {
  const tally = emptyTally();
  KINDS.forEach((kind, i) => {
    tally[kind] = counts[i] ?? 0;
    tally.total += counts[i] ?? 0;
  });
  tally.redacted = counts[KINDS.length] ?? 0;
  return tally;
}
