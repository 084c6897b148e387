/**
 * Names the entries that make the recomputed root differ from the signed one when no stored tile does: in the partial
 * tile at the end, or where tiles are missing or were rewritten together with the entries.
 *
 * Entry n+1 carries leaf(n) as `prev`. Where that is another hash than the recomputed one, it is what leaf(n) was; put
 * in its place, it leads to the signed root exactly when the rest is untouched, which proves the accusation.
 */
import { equalBytes } from '../bytes.ts';
import { HASH_BYTES } from '../hash.ts';
import { createRange } from './tree.ts';
import type { EntriesResult } from './verify-entries.ts';
import type { SignedTail } from './verify-findings.ts';
import type { BadEntry } from './verify-report.ts';

function rootWith(tail: SignedTail, claims: ReadonlyMap<number, Uint8Array>): Uint8Array {
  const range = createRange(tail.range);
  for (let i = 0; i * HASH_BYTES < tail.leaves.length; i++)
    range.append(claims.get(tail.first + i) ?? tail.leaves.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES));
  return range.root();
}

/**
 * The explanations worth trying: every claim is true; or an edit reached an entry's own `prev` too, so that the first
 * claim of each run of neighbours is false (it was made by an entry that is itself accused).
 */
function explanations(claims: ReadonlyMap<number, Uint8Array>): ReadonlyMap<number, Uint8Array>[] {
  const inner = new Map([...claims].filter(([index]) => claims.has(index - 1) || !claims.has(index + 1)));
  return inner.size < claims.size ? [claims, inner] : [claims];
}

/**
 * Breaks at b, b+1 … b+k accuse b … b+k-1; a single one accuses the entry before it. At the last entry it accuses that
 * one: had only the entry before it been edited, its claim would have led to the root.
 */
function accusedByBreaks(breaks: readonly number[], size: number): number[] {
  const accused = new Set<number>();
  for (const index of breaks) {
    const neighbours = breaks.includes(index - 1) || breaks.includes(index + 1);
    if (index === size - 1 || breaks.includes(index + 1)) accused.add(index);
    else if (!neighbours) accused.add(Math.max(0, index - 1));
  }
  return [...accused].filter((index) => index < size);
}

/** The findings name nothing below `size`, and the root there is not `root`. Empty when it cannot be told. */
export function localise({ findings, tail }: EntriesResult, size: number, root: Uint8Array): BadEntry[] {
  if (tail !== undefined && tail.claims.size > 0) {
    for (const claims of explanations(tail.claims))
      if (equalBytes(rootWith(tail, claims), root))
        return [...claims.keys()].map((index): BadEntry => ({ index, reason: 'chain' }));
  }
  // The signed size itself may break: the entry after the last signed one accuses it.
  const within = findings.breaks.list.filter((index) => index <= size);
  if (within.length > 0) return accusedByBreaks(within, size).map((index) => ({ index, reason: 'chain' }));
  // All entries chain up to the last one, which nothing but the root vouches for. A last full tile would have named it.
  if (tail !== undefined || findings.absentTiles > 0) return [{ index: size - 1, reason: 'elimination' }];
  return [];
}
