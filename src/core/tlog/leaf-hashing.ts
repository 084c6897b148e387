/**
 * Two ways to hash the lines of a table, and which of them is the faster one here: node:crypto, one call for each, or
 * four lanes of SIMD. It depends on the processor (one with instructions for SHA-256 or without: up to twice as fast one
 * way or the other) and on the length of the lines, so it is measured on the very lines that have to be hashed.
 */
import { HASH_BYTES, sha256Each } from '../hash.ts';
import type { Kernel } from '../wasm/kernel.ts';
import { ROW_BYTES, ROW_END } from '../wasm/lines.ts';

const LANES = 4;
const ROW_WORDS = ROW_BYTES / 4;

/** The last timings of one way that count. Compilation and whoever else uses the processor make single ones slow. */
const REMEMBERED = 8;
/** Tables after which the way that lost is tried again. */
const AGAIN = 256;

/** Hashes `count` lines of the table; `before` is where the byte in front of the first one lies. */
export type HashLines = (before: number, count: number) => void;

export interface LeafTable {
  /** Where the rows lie. In front of them is room for one. */
  readonly table: number;
  /** Where the hashes go. */
  readonly hashes: number;
}

export const LEAF_BACKENDS = ['native', 'lanes'] as const;
export type LeafBackend = (typeof LEAF_BACKENDS)[number];

export function leafBackends(
  kernel: Kernel,
  { table, hashes }: LeafTable,
): Readonly<Record<LeafBackend, HashLines>> {
  const { bytes } = kernel;
  const rows = new Int32Array(bytes.buffer, table - ROW_BYTES);

  function native(before: number, count: number, done = 0): void {
    const from = done === 0 ? before : (rows[done * ROW_WORDS + ROW_END] ?? 0);
    const ends = rows.subarray((done + 1) * ROW_WORDS + ROW_END);
    const stretches = { bytes, from, ends, stride: ROW_WORDS, count: count - done };
    sha256Each(stretches, bytes, hashes + done * HASH_BYTES);
  }

  return {
    native: (before, count) => native(before, count),
    lanes(before, count) {
      rows[ROW_END] = before;
      const fours = Math.floor(count / LANES);
      if (fours > 0) kernel.leaves(table, fours, hashes);
      if (fours * LANES < count) native(before, count, fours * LANES);
    },
  };
}

/** Goes on with the faster way. `now` in any unit; without it nothing can be measured, and node:crypto it is. */
export function fasterOf(
  backends: Readonly<Record<LeafBackend, HashLines>>,
  now: (() => number) | undefined,
): HashLines {
  if (now === undefined) return backends.native;
  const timings: Record<LeafBackend, number[]> = { native: [], lanes: [] };
  const best = (backend: LeafBackend): number => Math.min(...timings[backend]);
  let tables = 0;

  function choose(): LeafBackend {
    tables++;
    for (const backend of LEAF_BACKENDS) if (timings[backend].length < REMEMBERED) return backend;
    const faster = best('native') < best('lanes') ? 'native' : 'lanes';
    if (tables % AGAIN !== 0) return faster;
    return faster === 'native' ? 'lanes' : 'native';
  }

  return (before, count) => {
    const backend = choose();
    const started = now();
    backends[backend](before, count);
    const known = timings[backend];
    if (known.length === REMEMBERED) known.shift();
    known.push((now() - started) / count);
  };
}
