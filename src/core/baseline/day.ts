/**
 * The cell of one UTC day, built row by row. It depends on the rows of that day, in the order of the log, and on nothing
 * else. Memory is bounded: values by a heavy-hitter rule, runs by a cap, distributions by their buckets.
 */
import { LIMITS } from '../limits.ts';
import { KINDS } from '../query/kind.ts';
import { kindOf, type Row } from '../query/row.ts';
import { ASPECTS, type Aspect } from './deviation.ts';
import { createKept, type Kept } from './kept.ts';
import type { Day, HostFacts, Hour } from './model.ts';
import { HOUR_MS, MINUTE_MS, timeOfDay } from './moment.ts';
import { addValue, type Histogram, newHistogram, toSketch } from './sketch.ts';
import { eachValue, isCall, microseconds, NO_RUN, readsSecret } from './values.ts';

export interface DayBuilder {
  /** A row of that day. */
  add(row: Row): void;
  finish(): Day;
}

interface Run {
  readonly no: number;
  calls: number;
  secrets: number;
  first: number;
  last: number;
}

interface HourCounts {
  /** total, KINDS in their order, redacted */
  readonly rows: number[];
  calls: number;
  ended: number;
  failed: number;
  stopped: number;
}

interface HostCounts {
  ended: number;
  failed: number;
  readonly durations: Histogram;
}

export function createDay(day: string): DayBuilder {
  const kept = Object.fromEntries(ASPECTS.map((aspect) => [aspect, createKept()])) as Record<Aspect, Kept>;
  const hosts = new Map<string, HostCounts>();
  const hours = new Map<number, HourCounts>();
  const minutes = new Map<number, number>();
  const runs = new Map<string, Run>();
  let calls = 0;
  let unrun = 0;
  let unhosted = 0;

  function runOf(row: Row, at: number): Run | undefined {
    const key = row.run ?? NO_RUN;
    const known = runs.get(key);
    if (known !== undefined) return known;
    if (runs.size >= LIMITS.baselineRuns) return undefined;
    const run = { no: runs.size, calls: 0, secrets: 0, first: at, last: at };
    runs.set(key, run);
    return run;
  }

  function hostOf(host: string): HostCounts | undefined {
    const known = hosts.get(host);
    if (known !== undefined || hosts.size >= LIMITS.baselineHosts) return known;
    const counts = { ended: 0, failed: 0, durations: newHistogram() };
    hosts.set(host, counts);
    return counts;
  }

  function addCall(row: Row, at: number, run: Run | undefined, hour: HourCounts): void {
    const kind = kindOf(row);
    calls++;
    hour.calls++;
    const minute = Math.floor(at / MINUTE_MS);
    minutes.set(minute, (minutes.get(minute) ?? 0) + 1);
    if (run !== undefined) {
      run.calls++;
      run.first = Math.min(run.first, at);
      run.last = Math.max(run.last, at);
    }
    if (kind !== 'succeeded' && kind !== 'failed' && kind !== 'stopped') return;
    hour.ended++;
    if (kind === 'failed') hour.failed++;
    if (kind === 'stopped') hour.stopped++;
    if (row.host === undefined || kind === 'stopped') return;
    const host = hostOf(row.host);
    if (host === undefined) {
      unhosted++;
      return;
    }
    host.ended++;
    if (kind === 'failed') host.failed++;
    const duration = microseconds(row.durationMs);
    if (duration !== undefined) addValue(host.durations, duration);
  }

  return {
    add(row) {
      const at = row.ts === undefined ? undefined : timeOfDay(row.ts);
      if (at === undefined) return;
      const run = runOf(row, at);
      if (run === undefined) unrun++;
      else if (readsSecret(row)) run.secrets++;
      const number = Math.floor(at / HOUR_MS);
      const hour = hours.get(number) ?? newHour();
      hours.set(number, hour);
      countRow(hour.rows, row);
      eachValue(row, (aspect, value) => kept[aspect].add(value, run?.no, at));
      if (isCall(row)) addCall(row, at, run, hour);
    },
    finish() {
      const withCalls = [...runs.values()].filter((run) => run.calls > 0);
      return {
        day,
        calls,
        runs: runs.size,
        unrun,
        unhosted,
        hours: [...hours].sort(([a], [b]) => a - b).map(([hour, counts]): Hour => ({ hour, ...counts })),
        values: mapAspects((aspect) => kept[aspect].values()),
        dropped: mapAspects((aspect) => kept[aspect].dropped),
        hosts: [...hosts]
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(
            ([host, { ended, failed, durations }]): HostFacts => ({
              host,
              ended,
              failed,
              durations: toSketch(durations),
            }),
          ),
        minuteCalls: sketchOf(minutes.values()),
        runCalls: sketchOf(withCalls.map((run) => run.calls)),
        runTime: sketchOf(withCalls.map((run) => run.last - run.first)),
        runSecrets: sketchOf([...runs.values()].map((run) => run.secrets)),
      };
    },
  };
}

function newHour(): HourCounts {
  return { rows: new Array<number>(KINDS.length + 2).fill(0), calls: 0, ended: 0, failed: 0, stopped: 0 };
}

function countRow(rows: number[], row: Row): void {
  const add = (at: number): void => {
    rows[at] = (rows[at] ?? 0) + 1;
  };
  add(0);
  add(1 + KINDS.indexOf(kindOf(row)));
  if (row.redacted) add(rows.length - 1);
}

function sketchOf(values: Iterable<number>): readonly number[] {
  const histogram = newHistogram();
  for (const value of values) addValue(histogram, value);
  return toSketch(histogram);
}

export function mapAspects<T>(make: (aspect: Aspect) => T): Readonly<Record<Aspect, T>> {
  return Object.fromEntries(ASPECTS.map((aspect) => [aspect, make(aspect)])) as Record<Aspect, T>;
}
