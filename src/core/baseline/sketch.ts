/**
 * Distributions of whole numbers in bounded memory: exact below 128, then 64 buckets for each power of two, so a quantile
 * is at most 1/128 (0.8 %) off. Buckets are found with whole numbers only and counts add up, so the order of values, and
 * of merging, changes nothing.
 */
import type { Sketch } from './model.ts';

const EXACT = 128;
const PER_OCTAVE = 64;
/** Larger values count as this one. */
const MOST = Number.MAX_SAFE_INTEGER;
/** Of `MOST`. */
export const LAST_BUCKET = EXACT + (52 - 7) * PER_OCTAVE + PER_OCTAVE - 1;

/** Of a whole number of 0 or more; what is none counts as 0. */
export function bucketOf(n: number): number {
  if (!(n >= EXACT)) return n >= 0 ? Math.floor(n) : 0;
  let octave = 0;
  let mantissa = Math.min(Math.floor(n), MOST);
  while (mantissa >= EXACT) {
    // Exact: a division by two of a double.
    mantissa = Math.floor(mantissa / 2);
    octave++;
  }
  return EXACT + (octave - 1) * PER_OCTAVE + mantissa - PER_OCTAVE;
}

/** The middle of a bucket. */
export function middleOf(bucket: number): number {
  if (bucket < EXACT) return bucket;
  const octave = Math.floor((bucket - EXACT) / PER_OCTAVE) + 1;
  const width = 2 ** octave;
  return (PER_OCTAVE + ((bucket - EXACT) % PER_OCTAVE)) * width + (width - 1) / 2;
}

export interface Histogram {
  readonly counts: Map<number, number>;
  total: number;
}

export function newHistogram(): Histogram {
  return { counts: new Map(), total: 0 };
}

export function addValue(into: Histogram, n: number): void {
  addCount(into, bucketOf(n), 1);
}

export function addSketch(into: Histogram, sketch: Sketch): void {
  for (let i = 0; i + 1 < sketch.length; i += 2) addCount(into, sketch[i] ?? 0, sketch[i + 1] ?? 0);
}

function addCount(into: Histogram, bucket: number, count: number): void {
  into.counts.set(bucket, (into.counts.get(bucket) ?? 0) + count);
  into.total += count;
}

export function toSketch({ counts }: Histogram): Sketch {
  return [...counts].sort(([a], [b]) => a - b).flat();
}

/** Ready to be asked: values with how many there are, ascending. */
export interface Distribution {
  readonly total: number;
  readonly values: readonly (readonly [value: number, count: number])[];
}

export function distribution(histogram: Histogram): Distribution {
  const sorted = [...histogram.counts].sort(([a], [b]) => a - b);
  return { total: histogram.total, values: sorted.map(([bucket, count]) => [middleOf(bucket), count]) };
}

/** The smallest value that at least the share `q` of all values does not exceed; undefined of nothing. */
export function quantile({ total, values }: Distribution, q: number): number | undefined {
  if (total === 0) return undefined;
  const rank = Math.max(1, Math.ceil(q * total));
  let seen = 0;
  for (const [value, count] of values) {
    seen += count;
    if (seen >= rank) return value;
  }
  return values.at(-1)?.[0];
}

/** The median distance from the median. */
export function medianDeviation(of: Distribution): number | undefined {
  const middle = quantile(of, 0.5);
  if (middle === undefined) return undefined;
  const distances = of.values
    .map(([value, count]) => [Math.abs(value - middle), count] as const)
    .sort(([a], [b]) => a - b);
  return quantile({ total: of.total, values: distances }, 0.5);
}

/** How many values are above `limit`, or equal to it. */
export function countFrom({ values }: Distribution, limit: number): number {
  let count = 0;
  for (const [value, n] of values) if (value >= limit) count += n;
  return count;
}

/** How many values of a sketch lie in buckets above that of `limit`. */
export function countAbove(sketch: Sketch, limit: number): number {
  const edge = bucketOf(limit);
  let count = 0;
  for (let i = 0; i + 1 < sketch.length; i += 2) if ((sketch[i] ?? 0) > edge) count += sketch[i + 1] ?? 0;
  return count;
}
