/**
 * The most frequent values of a day (Space-Saving, Metwally et al. 2005). Every value that more than one in
 * `LIMITS.baselineValues` rows has is kept; beyond that many distinct ones the lightest makes room, of equal ones the
 * least recent, and its weight passes to the newcomer. What was counted of a value that was dropped is forgotten.
 */
import { LIMITS } from '../limits.ts';
import type { Value } from './model.ts';

export interface Kept {
  /** `run`: its number among the runs of the day; undefined for those that are not told apart. */
  add(value: string, run: number | undefined, at: number): void;
  /** How often one made room. */
  readonly dropped: number;
  /** By value. */
  values(): readonly Value[];
}

interface Held {
  weight: number;
  calls: number;
  runs: number;
  lastRun: number;
  seen: Uint32Array;
  first: number;
  last: number;
  /** Counts up with every use: which of equals is the least recent. */
  used: number;
}

const BITS = 32;
const NO_RUNS = new Uint32Array(0);

export function createKept(): Kept {
  const held = new Map<string, Held>();
  let dropped = 0;
  let uses = 0;

  function makeRoom(): number {
    if (held.size < LIMITS.baselineValues) return 0;
    let lightest: string | undefined;
    let least: Held | undefined;
    for (const [value, each] of held) {
      if (least !== undefined && each.weight > least.weight) continue;
      if (least !== undefined && each.weight === least.weight && each.used > least.used) continue;
      lightest = value;
      least = each;
    }
    if (lightest === undefined || least === undefined) return 0;
    held.delete(lightest);
    dropped++;
    return least.weight;
  }

  function countRun(value: Held, run: number): void {
    // Most rows follow one of the same run.
    if (value.lastRun === run) return;
    value.lastRun = run;
    const word = Math.floor(run / BITS);
    if (word >= value.seen.length) {
      const wider = new Uint32Array(word + 1);
      wider.set(value.seen);
      value.seen = wider;
    }
    const bit = 1 << (run % BITS);
    const before = value.seen[word] ?? 0;
    if ((before & bit) !== 0) return;
    value.seen[word] = before | bit;
    value.runs++;
  }

  return {
    add(value, run, at) {
      let each = held.get(value);
      if (each === undefined) {
        const weight = makeRoom();
        each = { weight, calls: 0, runs: 0, lastRun: -1, seen: NO_RUNS, first: at, last: at, used: 0 };
        held.set(value, each);
      }
      each.weight++;
      each.calls++;
      each.used = uses++;
      if (at < each.first) each.first = at;
      if (at > each.last) each.last = at;
      if (run !== undefined) countRun(each, run);
    },
    get dropped() {
      return dropped;
    },
    values: () =>
      [...held]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([value, { calls, runs, first, last }]) => ({ value, calls, runs, first, last })),
  };
}
