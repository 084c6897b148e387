/** Whether something that is measured now and then has stopped growing. */

/** The least of a part: what is under way at a moment comes and goes, and what leaks stays. */
function least(samples: readonly number[], from: number, to: number): number {
  return Math.min(...samples.slice(Math.floor(samples.length * from), Math.ceil(samples.length * to)));
}

export interface Growth {
  readonly early: number;
  readonly late: number;
  readonly flat: boolean;
}

/**
 * Compares the last quarter with the second: the first is caches that fill and code that is compiled. `share` and
 * `slack` are what may be added between them.
 */
export function growthOf(samples: readonly number[], share: number, slack: number): Growth {
  const early = least(samples, 0.25, 0.5);
  const late = least(samples, 0.75, 1);
  return { early, late, flat: late <= early * (1 + share) + slack };
}
