/** How often something happened within a window that slides in tenths of itself: ten numbers a key, however many calls. */

const PARTS = 10;
const EVIDENCE = 8;

export interface Counted {
  /** Number of the tenth that `counts` begins with. */
  part: number;
  /** Oldest first: the tenths of the last two windows. */
  counts: number[];
  /** Indices of the newest of them. */
  recent: number[];
}

export function counting(windowMs: number): {
  begin(): Counted;
  add(counted: Counted, t: number, index: number): void;
  /** In the window that ends now, and in the one before it. */
  sums(counted: Counted): { readonly now: number; readonly before: number };
} {
  const width = windowMs / PARTS;
  return {
    begin: () => ({ part: 0, counts: [], recent: [] }),
    add(counted, t, index) {
      const part = Math.floor(t / width);
      const steps = Math.min(part - (counted.part + counted.counts.length - 1), 2 * PARTS);
      if (counted.counts.length === 0 || steps >= 2 * PARTS) counted.counts = new Array(2 * PARTS).fill(0);
      else for (let i = 0; i < steps; i++) counted.counts.push(0);
      if (counted.counts.length > 2 * PARTS) counted.counts = counted.counts.slice(-2 * PARTS);
      counted.part = part - (counted.counts.length - 1);
      const last = counted.counts.length - 1;
      counted.counts[last] = (counted.counts[last] ?? 0) + 1;
      counted.recent.push(index);
      if (counted.recent.length > EVIDENCE) counted.recent.shift();
    },
    sums({ counts }) {
      let now = 0;
      let before = 0;
      for (const [i, count] of counts.entries()) {
        if (i >= counts.length - PARTS) now += count;
        else before += count;
      }
      return { now, before };
    },
  };
}
