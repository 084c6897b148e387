/** Whether something that is measured now and then has stopped growing. */

/** What a quarter of the samples has in the middle: one odd sample says nothing. */
function middle(samples: readonly number[], from: number, to: number): number {
  const part = samples
    .slice(Math.floor(samples.length * from), Math.ceil(samples.length * to))
    .toSorted((a, b) => a - b);
  return part[Math.floor(part.length / 2)] ?? Number.NaN;
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
  const early = middle(samples, 0.25, 0.5);
  const late = middle(samples, 0.75, 1);
  return { early, late, flat: late <= early * (1 + share) + slack };
}
