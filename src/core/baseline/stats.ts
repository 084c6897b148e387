/** Chances. Each function is pure and needs bounded time; formulas and their reasons are in spec/baseline.md. */
import { PARAMS } from './params.ts';
import { countFrom, type Distribution, quantile } from './sketch.ts';

/** Lanczos (g = 7, n = 9): relative error below 1e-13. */
const LANCZOS: readonly number[] = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
  12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
];

export function lnGamma(x: number): number {
  // Small arguments by the recurrence, which loses nothing here: they are never 0.
  if (x < 0.5) return lnGamma(x + 1) - Math.log(x);
  const z = x - 1;
  let sum = LANCZOS[0] ?? 0;
  for (let i = 1; i < LANCZOS.length; i++) sum += (LANCZOS[i] ?? 0) / (z + i);
  const t = z + 7.5;
  return 0.5 * Math.log(2 * Math.PI) + (z + 0.5) * Math.log(t) - t + Math.log(sum);
}

function lnBeta(a: number, b: number): number {
  return lnGamma(a) + lnGamma(b) - lnGamma(a + b);
}

/** Below this a further term changes no score. */
const NEGLIGIBLE = 1e-12;
const MOST_TERMS = 100_000;

/** P(K ≥ k) of n where each is a hit with a chance that is itself Beta(a, b). */
export function betaBinomialTail(k: number, n: number, a: number, b: number): number {
  if (k <= 0) return 1;
  if (k > n) return 0;
  const lnChoose = -Math.log(n + 1) - lnBeta(n - k + 1, k + 1);
  let term = Math.exp(lnChoose + lnBeta(k + a, n - k + b) - lnBeta(a, b));
  let sum = 0;
  for (let i = k; i <= n && i - k < MOST_TERMS; i++) {
    sum += term;
    if (term < sum * NEGLIGIBLE) break;
    term *= ((n - i) * (i + a)) / ((i + 1) * (n - i - 1 + b));
  }
  return Math.min(1, sum);
}

/** Wilson score interval of k in n, 95 %. `n` may be less than what was counted, for counts that come in clusters. */
export function wilson(k: number, n: number): readonly [low: number, high: number] {
  if (n <= 0) return [0, 1];
  const z = 1.959963984540054;
  const p = k / n;
  const middle = p + (z * z) / (2 * n);
  const half = z * Math.sqrt((p * (1 - p)) / n + (z * z) / (4 * n * n));
  const scale = 1 + (z * z) / n;
  // Exact at the ends, where the difference of two equal numbers is not quite nothing.
  const low = k <= 0 ? 0 : Math.max(0, (middle - half) / scale);
  const high = k >= n ? 1 : Math.min(1, (middle + half) / scale);
  return [low, high];
}

/** Hits of tries, in stretches of time: how many of which, and how much the stretches differ. */
export interface Ratio {
  readonly tries: number;
  readonly hits: number;
  /** Variance between stretches against that of independent tries; 1 when they differ no more than those. */
  readonly dispersion: number;
  readonly a: number;
  readonly b: number;
}

const LEAST_CORRELATION = 1e-4;
const MOST_CORRELATION = 0.5;

/** Failures come in clusters. Beta-binomial by moments, its spread taken high by two standard errors. */
export function ratioOf(stretches: readonly (readonly [tries: number, hits: number])[]): Ratio {
  let tries = 0;
  let hits = 0;
  let squares = 0;
  for (const [n, k] of stretches) {
    tries += n;
    hits += k;
    squares += n * n;
  }
  const p = (hits + 0.5) / (tries + 1);
  const used = stretches.filter(([n]) => n > 0);
  const freedom = used.length - 1;
  let dispersion = 1;
  let correlation = MOST_CORRELATION;
  if (freedom > 0) {
    let chi = 0;
    for (const [n, k] of used) chi += (k - n * p) ** 2 / (n * p * (1 - p));
    dispersion = Math.max(1, chi / freedom);
    const size = (tries - squares / tries) / freedom;
    const high = dispersion * (1 + 2 * Math.sqrt(2 / freedom));
    correlation = (high - 1) / Math.max(1, size - 1);
  }
  correlation = Math.min(MOST_CORRELATION, Math.max(LEAST_CORRELATION, correlation));
  // What the mean itself is uncertain by counts too.
  const spread = 1 / (1 / (1 / correlation - 1) + 1 / (tries + 1));
  return { tries, hits, dispersion, a: p * spread, b: (1 - p) * spread };
}

/** The 95 % interval of a ratio, with its clusters. */
export function intervalOf({ tries, hits, dispersion }: Ratio): readonly [low: number, high: number] {
  return wilson(hits / dispersion, tries / dispersion);
}

export interface Tail {
  readonly of: Distribution;
  /** Above it the fitted tail speaks, with this chance to get there. */
  readonly from: number;
  readonly chance: number;
  readonly shape: number;
  readonly scale: number;
}

/**
 * Peaks over a threshold: a generalised Pareto distribution fitted by moments to what exceeds a high quantile, its shape
 * taken high by half a standard error, never below 0. undefined of too few observations.
 */
export function fitTail(of: Distribution): Tail | undefined {
  if (of.total < PARAMS.neededTail) return undefined;
  const share = Math.min(0.5, Math.max(PARAMS.tailShare, PARAMS.tailLeast / of.total));
  const from = quantile(of, 1 - share) ?? 0;
  let count = 0;
  let sum = 0;
  let squares = 0;
  for (const [value, n] of of.values) {
    if (value <= from) continue;
    count += n;
    sum += n * (value - from);
    squares += n * (value - from) ** 2;
  }
  const mean = count === 0 ? 0 : sum / count;
  const variance = count === 0 ? 0 : squares / count - mean * mean;
  const fitted = variance > 0 ? Math.max(0, 0.5 * (1 - (mean * mean) / variance)) : 0;
  return {
    of,
    from,
    chance: (count + 1) / (of.total + 1),
    shape: Math.min(1, fitted + 0.5 / Math.sqrt(count + 1)),
    // Never less than a tenth of the threshold: what was always the same may be one more.
    scale: Math.max(mean * (1 - fitted), from / 10, 1),
  };
}

/** The chance of `n` or more in one observation. */
export function tailChance(tail: Tail, n: number): number {
  if (n <= tail.from) return countFrom(tail.of, n) / tail.of.total;
  return tail.chance * (1 + (tail.shape * (n - tail.from)) / tail.scale) ** (-1 / tail.shape);
}

/** The chance that one of `tries` has it. */
export function anyOf(chance: number, tries: number): number {
  if (chance >= 1) return 1;
  return -Math.expm1(tries * Math.log1p(-chance));
}
