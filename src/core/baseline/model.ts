/**
 * What an agent usually does: one cell for each UTC day of a window, all of it integers. A day's cell depends on the rows
 * of that day and on nothing else, so cells may be kept, dropped and made again in any order with the same result.
 */
import type { Aspect } from './deviation.ts';

/** How many values fell into which bucket (sketch.ts): bucket, count, bucket, count, …, by bucket. */
export type Sketch = readonly number[];

export interface Value {
  readonly value: string;
  readonly calls: number;
  /** Runs of that day that had it. */
  readonly runs: number;
  /** Milliseconds of the day of its first and its last call. */
  readonly first: number;
  readonly last: number;
}

export interface HostFacts {
  readonly host: string;
  /** Calls whose outcome is known, and those of them that failed (a status of 400 or more, or no answer). */
  readonly ended: number;
  readonly failed: number;
  /** In microseconds. */
  readonly durations: Sketch;
}

/** One hour of a day. `rows` counts every row as a summary does: total, the kinds in their order, redacted; the rest counts calls. */
export interface Hour {
  readonly hour: number;
  readonly rows: readonly number[];
  readonly calls: number;
  readonly ended: number;
  readonly failed: number;
  readonly stopped: number;
}

export interface Day {
  /** `2026-11-20`, UTC. */
  readonly day: string;
  readonly calls: number;
  readonly runs: number;
  /** Rows of runs beyond those that are told apart on one day. */
  readonly unrun: number;
  /** Ended calls to hosts beyond those that have facts of their own on one day. */
  readonly unhosted: number;
  readonly hours: readonly Hour[];
  readonly values: Readonly<Record<Aspect, readonly Value[]>>;
  /** Values that were dropped because there were too many, by aspect. */
  readonly dropped: Readonly<Record<Aspect, number>>;
  readonly hosts: readonly HostFacts[];
  readonly minuteCalls: Sketch;
  readonly runCalls: Sketch;
  /** From the first call of a run on that day to the last, in milliseconds. */
  readonly runTime: Sketch;
  readonly runSecrets: Sketch;
}

export interface Model {
  readonly agent: string;
  /** `2026-10-21T00:00:00.000Z`: the start of a UTC day. */
  readonly since: string;
  /** Exclusive: where the present begins. */
  readonly until: string;
  /** Days that have rows, oldest first. */
  readonly days: readonly Day[];
}
