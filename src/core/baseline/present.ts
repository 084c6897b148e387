/** What an agent does now, counted as far as it is compared. Memory is bounded whatever rows come. */
import { LIMITS } from '../limits.ts';
import { kindOf, type Row } from '../query/row.ts';
import { ASPECTS, type Aspect } from './deviation.ts';
import { dayOf, isDay, timeOfDay } from './moment.ts';
import { addValue, bucketOf, type Histogram, newHistogram } from './sketch.ts';
import { eachValue, isCall, microseconds, NO_RUN, readsSecret } from './values.ts';
import type { View } from './view.ts';

export interface Group {
  count: number;
  readonly evidence: number[];
}

export interface Trial extends Group {
  tries: number;
}

export interface PresentRun {
  readonly run: string;
  calls: number;
  secrets: number;
  first: number;
  last: number;
  readonly evidence: number[];
  readonly secretEvidence: number[];
}

export interface PresentHost {
  readonly failures: Trial;
  readonly slow: Trial;
  readonly durations: Histogram;
}

export interface Fresh extends Group {
  readonly aspect: Aspect;
  readonly value: string;
}

export interface Present {
  rows: number;
  calls: number;
  /** By aspect and value. */
  readonly fresh: ReadonlyMap<Aspect, Map<string, Fresh>>;
  /** New values beyond those that are told one by one. */
  readonly more: Map<Aspect, Group>;
  /** `2026-11-20T10:15`, `2026-11-20T10`, `2026-11-20`: calls. */
  readonly minutes: Map<string, Group>;
  readonly hours: Map<string, Group>;
  readonly days: Map<string, Group>;
  /** By day and run, from their first call on that day. */
  readonly runs: Map<string, PresentRun>;
  /** Keys of those that are part of this present. */
  readonly activeRuns: Set<string>;
  readonly failures: Trial;
  readonly stops: Trial;
  /** Hosts with facts of their own in the model. */
  readonly hosts: Map<string, PresentHost>;
}

/** What one row changed: only that is looked at again. */
export interface Touched {
  readonly fresh: readonly Fresh[];
  /** Aspects with more new values than are told one by one. */
  readonly more: readonly Aspect[];
  readonly minute?: string;
  readonly hour?: string;
  readonly day?: string;
  readonly run?: string;
  readonly failed: boolean;
  readonly stopped: boolean;
  readonly host?: string;
}

export interface Counter {
  readonly present: Present;
  /** A row, or one that was given before, now with its end. */
  add(row: Row): Touched;
  /** Forgets all but the runs and the open calls. */
  nextHour(): void;
}

const NOTHING: Touched = { fresh: [], more: [], failed: false, stopped: false };
const MINUTE_CHARS = 16;
const HOUR_CHARS = 13;

export function newTrial(): Trial {
  return { tries: 0, count: 0, evidence: [] };
}

function show(evidence: number[], index: number): void {
  if (evidence.length < LIMITS.baselineEvidence && !evidence.includes(index)) evidence.push(index);
}

function hit(group: Group, index: number): void {
  group.count++;
  show(group.evidence, index);
}

/** The value at `key`, made when there is none; the oldest goes when there are too many. */
function held<T>(map: Map<string, T>, key: string, make: () => T): T {
  const found = map.get(key);
  if (found !== undefined) return found;
  const [oldest] = map.size >= LIMITS.baselinePresent ? map.keys() : [];
  if (oldest !== undefined) map.delete(oldest);
  const made = make();
  map.set(key, made);
  return made;
}

export function createCounter(view: View): Counter {
  /** Calls without their end, and whether it is known already how they come out: those that were stopped. */
  const open = new Map<number, boolean>();
  const runs = new Map<string, PresentRun>();
  let present = empty();
  let lastDay = '';

  function isKnownDay(day: string): boolean {
    if (day === lastDay) return true;
    if (!isDay(day)) return false;
    lastDay = day;
    return true;
  }

  function empty(): Present {
    return {
      rows: 0,
      calls: 0,
      fresh: new Map(ASPECTS.map((aspect) => [aspect, new Map<string, Fresh>()])),
      more: new Map(),
      minutes: new Map(),
      hours: new Map(),
      days: new Map(),
      runs,
      activeRuns: new Set(),
      failures: newTrial(),
      stops: newTrial(),
      hosts: new Map(),
    };
  }

  function addValues(row: Row): Pick<Touched, 'fresh' | 'more'> {
    const fresh: Fresh[] = [];
    const more: Aspect[] = [];
    eachValue(row, (aspect, value) => {
      if (view.aspects[aspect].values.has(value)) return;
      const known = present.fresh.get(aspect);
      let each = known?.get(value);
      if (each === undefined && (known?.size ?? 0) < LIMITS.baselineNew) {
        each = { aspect, value, count: 0, evidence: [] };
        known?.set(value, each);
      }
      if (each === undefined) {
        const group = present.more.get(aspect) ?? { count: 0, evidence: [] };
        present.more.set(aspect, group);
        hit(group, row.index);
        more.push(aspect);
        return;
      }
      hit(each, row.index);
      fresh.push(each);
    });
    return { fresh, more };
  }

  function addBegin(row: Row, ts: string, at: number): Pick<Touched, 'minute' | 'hour' | 'day' | 'run'> {
    const day = dayOf(ts);
    const run = `${day} ${row.run ?? NO_RUN}`;
    const group = held(runs, run, () => newRun(row.run ?? NO_RUN, at));
    if (present.activeRuns.size < LIMITS.baselinePresent) present.activeRuns.add(run);
    if (readsSecret(row)) {
      group.secrets++;
      show(group.secretEvidence, row.index);
    }
    if (!isCall(row)) return { run };
    present.calls++;
    if (group.calls === 0) group.first = at;
    group.calls++;
    group.first = Math.min(group.first, at);
    group.last = Math.max(group.last, at);
    show(group.evidence, row.index);
    const minute = ts.slice(0, MINUTE_CHARS);
    const hour = ts.slice(0, HOUR_CHARS);
    for (const [map, key] of [
      [present.minutes, minute],
      [present.hours, hour],
      [present.days, day],
    ] as const)
      hit(
        held(map, key, () => ({ count: 0, evidence: [] })),
        row.index,
      );
    return { minute, hour, day, run };
  }

  function addEnd(row: Row): Pick<Touched, 'failed' | 'stopped' | 'host'> {
    const kind = kindOf(row);
    const nothing = { failed: false, stopped: false };
    if (!isCall(row) || (kind !== 'succeeded' && kind !== 'failed' && kind !== 'stopped')) return nothing;
    const { failures, stops } = present;
    stops.tries++;
    if (kind === 'stopped') {
      hit(stops, row.index);
      return { failed: false, stopped: true };
    }
    failures.tries++;
    const failed = kind === 'failed';
    if (failed) hit(failures, row.index);
    const { host } = row;
    const usual = host === undefined ? undefined : view.hosts.get(host);
    if (host === undefined || usual === undefined) return { failed, stopped: false };
    const of = held(present.hosts, host, newHost);
    of.failures.tries++;
    if (failed) hit(of.failures, row.index);
    const duration = microseconds(row.durationMs);
    if (duration !== undefined) {
      addValue(of.durations, duration);
      of.slow.tries++;
      if (bucketOf(duration) > bucketOf(usual.slowFrom)) hit(of.slow, row.index);
    }
    return { failed, stopped: false, host };
  }

  return {
    get present() {
      return present;
    },
    add(row) {
      const { ts } = row;
      const at = ts === undefined ? undefined : timeOfDay(ts);
      if (ts === undefined || at === undefined || !isKnownDay(dayOf(ts))) return NOTHING;
      const settled = open.get(row.index);
      const again = settled !== undefined;
      if (again && row.end === undefined) return NOTHING;
      if (again) open.delete(row.index);
      else present.rows++;
      const begun = { ...addValues(row), ...(again ? {} : addBegin(row, ts, at)) };
      if (settled === true) return { ...begun, failed: false, stopped: false };
      const ended = addEnd(row);
      if (row.phase === 'pre_exec' && row.end === undefined) remember(open, row.index, ended.stopped);
      return { ...begun, ...ended };
    },
    nextHour() {
      present = empty();
    },
  };
}

function remember(open: Map<number, boolean>, index: number, settled: boolean): void {
  const [oldest] = open.size >= LIMITS.baselinePresent ? open.keys() : [];
  if (oldest !== undefined) open.delete(oldest);
  open.set(index, settled);
}

function newRun(run: string, at: number): PresentRun {
  return { run, calls: 0, secrets: 0, first: at, last: at, evidence: [], secretEvidence: [] };
}

function newHost(): PresentHost {
  return { failures: newTrial(), slow: newTrial(), durations: newHistogram() };
}
