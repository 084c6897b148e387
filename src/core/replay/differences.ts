/** What would differ under another policy, counted: bounded whatever a log holds, and what is beyond is counted too. */
import { LIMITS } from '../limits.ts';

/** One kind of difference: the same change, for the same reason, of the same agent towards the same place. */
export interface Change {
  /** What was decided. "stop (observed)" where it was not enforced. */
  readonly before: string;
  /** What the other policy decides; absent where that cannot be found out. */
  readonly after?: string;
  /** Of what the other policy decides; else why it cannot be found out. */
  readonly reason: string;
  readonly agent: string;
  /** The host, or the tool, or the name of the action. */
  readonly to: string;
}

export interface ChangeRow extends Change {
  readonly count: number;
  /** Of those: not found out. */
  readonly undecidable: number;
  /** Indices of the first entries of this kind. */
  readonly examples: readonly number[];
}

export interface Differences {
  add(change: Change, index: number): void;
  /**
   * Other outcomes before what cannot be found out, and other reasons for the same outcome last; each with those that
   * occur most first. `rest` counts what belongs to rows that had no room.
   */
  rows(): { readonly rows: readonly ChangeRow[]; readonly rest: number };
}

/** Enough to look at; a filter finds the rest. */
const EXAMPLES = 3;

interface Counted {
  readonly change: Change;
  count: number;
  readonly examples: number[];
}

function weightOf({ before, after }: Change): number {
  if (after === undefined) return 1;
  return after === before ? 2 : 0;
}

export function countDifferences(): Differences {
  const kinds = new Map<string, Counted>();
  let rest = 0;
  return {
    add(change, index) {
      const { before, after, reason, agent, to } = change;
      const key = JSON.stringify([before, after ?? null, reason, agent, to]);
      const known = kinds.get(key);
      if (known !== undefined) {
        known.count++;
        if (known.examples.length < EXAMPLES) known.examples.push(index);
      } else if (kinds.size < LIMITS.replayRows) kinds.set(key, { change, count: 1, examples: [index] });
      else rest++;
    },
    rows() {
      const rows = [...kinds.values()].map(({ change, count, examples }) => ({
        ...change,
        count,
        undecidable: change.after === undefined ? count : 0,
        examples,
      }));
      rows.sort(
        (a, b) =>
          weightOf(a) - weightOf(b) || b.count - a.count || (a.examples[0] ?? 0) - (b.examples[0] ?? 0),
      );
      return { rows, rest };
    },
  };
}
