/** What became of the lines of an import. Every line that was read is exactly one of the four below. */
import type { ChainVerdict } from '../../core/import/decoder.ts';
import { LIMITS } from '../../core/limits.ts';

export interface Refusal {
  readonly line: number;
  readonly why: string;
}

export interface Totals {
  readonly lines: {
    read: number;
    /** At least one new entry. */
    imported: number;
    /** All of its entries were there before. */
    skipped: number;
    /** At least one of its events is in no entry. */
    refused: number;
    /** Of a kind that tells of nothing that is recorded. */
    passed: number;
  };
  readonly entries: { recorded: number; already_there: number };
  /** Lines that passed, by their kind. */
  readonly kinds: Map<string, number>;
  /** The first of them; `lines.refused` has no limit. */
  readonly refusals: Refusal[];
  /** Members, payloads and arguments that were left out because they are too long. */
  cut: number;
}

export interface Ended {
  /** `strict`: ended at the first refused line, as asked. */
  readonly status: 'done' | 'strict' | 'interrupted';
  readonly bytes: number;
  /** Of the whole file; absent when it was not read to its end. */
  readonly sha256?: string;
  /** Ends whose beginning the file does not tell, or told too long before. */
  readonly unpaired: number;
  readonly chain?: ChainVerdict;
}

export function newTotals(): Totals {
  return {
    lines: { read: 0, imported: 0, skipped: 0, refused: 0, passed: 0 },
    entries: { recorded: 0, already_there: 0 },
    kinds: new Map(),
    refusals: [],
    cut: 0,
  };
}

const OTHERS = '(others)';

export function countPassed(totals: Totals, kind: string): void {
  const known = totals.kinds.has(kind) || totals.kinds.size < LIMITS.importKinds;
  const name = known ? kind : OTHERS;
  totals.lines.passed++;
  totals.kinds.set(name, (totals.kinds.get(name) ?? 0) + 1);
}

export function countRefused(totals: Totals, line: number, why: string): void {
  totals.lines.refused++;
  if (totals.refusals.length < LIMITS.importRefusals) totals.refusals.push({ line, why });
}
