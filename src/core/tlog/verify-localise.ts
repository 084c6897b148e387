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
import type { Findings, SignedTail } from './verify-findings.ts';
import { type BadEntry, LISTED } from './verify-report.ts';

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

/** Breaks that follow from what is named already: beside a bad entry, after a hole, at a line that was put in. */
function unexplained(findings: Findings, named: readonly BadEntry[]): number[] {
  const explained = new Set<number>();
  for (const { index } of named) explained.add(index).add(index + 1);
  for (const { to } of findings.missing.list) explained.add(to);
  for (const { before, carries } of findings.extra.list) explained.add(before).add(carries ?? before);
  return findings.breaks.list.filter((index) => !explained.has(index));
}

/**
 * Breaks at b, b+1 … b+k accuse b … b+k-1; a single one accuses the entry before it. At the last entry it accuses that
 * one when claims were tried: had only the entry before it been edited, its claim would have led to the root.
 */
function accusedBy(breaks: readonly number[], size: number, tried: boolean): number[] {
  const broken = new Set(breaks);
  const accused = breaks.flatMap((index) => {
    if ((tried && index === size - 1) || broken.has(index + 1)) return [index];
    return broken.has(index - 1) ? [] : [Math.max(0, index - 1)];
  });
  return [...new Set(accused)].filter((index) => index < size);
}

const byChain = (index: number): BadEntry => ({ index, reason: 'chain' });

/** Lists that stop growing no longer explain every break. */
function complete({ bad, contradicted, missing, extra, breaks }: Findings): boolean {
  return [bad, contradicted, missing, extra, breaks].every(({ list }) => list.length < LISTED);
}

/**
 * Bad entries beside those `named`, for a log whose root at `size` is not `root`. Empty when it cannot be told. `cut`:
 * the log does not reach that size.
 */
export function localise(
  findings: Findings,
  tail: SignedTail | undefined,
  named: readonly BadEntry[],
  signed: { readonly size: number; readonly root: Uint8Array; readonly cut: boolean },
): BadEntry[] {
  if (!complete(findings)) return [];
  const alone = named.length + findings.missing.count + findings.extra.count === 0 && !signed.cut;
  const tried = alone && tail !== undefined && signed.size - tail.first > 1;
  if (tried) {
    for (const claims of explanations(tail.claims))
      if (equalBytes(rootWith(tail, claims), signed.root)) return [...claims.keys()].map(byChain);
  }
  const accused = accusedBy(unexplained(findings, named), signed.size, tried);
  if (accused.length > 0 || !alone) return accused.map(byChain);
  // All entries chain up to the last one, which nothing but the root vouches for. A full tile would have named it.
  const unvouched = tail !== undefined || findings.absentTiles > 0;
  return unvouched ? [{ index: signed.size - 1, reason: 'elimination' }] : [];
}
