/** A model, made ready to be held against the present: its days added up. */
import { ASPECTS, type Aspect, type Learning } from './deviation.ts';
import type { Day, Model } from './model.ts';
import { dayNumber, weekdayOf } from './moment.ts';
import { PARAMS } from './params.ts';
import {
  addSketch,
  addValue,
  countAbove,
  type Distribution,
  distribution,
  type Histogram,
  newHistogram,
  quantile,
} from './sketch.ts';
import { fitTail, type Ratio, ratioOf, type Tail } from './stats.ts';

export interface Seen {
  readonly calls: number;
  readonly runs: number;
  readonly days: number;
  /** RFC 3339 UTC. */
  readonly first: string;
  readonly last: string;
}

export interface AspectView {
  /** Most calls first, equal ones by value. */
  readonly values: ReadonlyMap<string, Seen>;
  /** Values seen in one run only, and those that were dropped, which may have been. */
  readonly once: number;
  readonly dropped: number;
}

export interface HostView {
  readonly ended: number;
  readonly failures: Ratio;
  /** Microseconds. */
  readonly durations: Distribution;
  /** What is slow for it, and how often it is. */
  readonly slowFrom: number;
  readonly slow: Ratio;
}

export interface Usual {
  readonly distribution: Distribution;
  readonly tail: Tail | undefined;
}

export interface View {
  readonly model: Model;
  readonly learning: Learning | undefined;
  readonly calls: number;
  readonly runs: number;
  /** Days with calls, and days from the first one to the present. */
  readonly activeDays: number;
  readonly days: number;
  readonly aspects: Readonly<Record<Aspect, AspectView>>;
  readonly hosts: ReadonlyMap<string, HostView>;
  /** By hour of the day, UTC: on how many days there were calls, and how many. */
  readonly hourDays: readonly number[];
  readonly hourCalls: readonly number[];
  /** By day of the week, 0 is Sunday. */
  readonly weekdayDays: readonly number[];
  readonly minuteCalls: Usual;
  readonly hourlyCalls: Usual;
  readonly runCalls: Usual;
  readonly runTime: Usual;
  readonly runSecrets: Usual;
  readonly failures: Ratio;
  readonly stops: Ratio;
  readonly unrun: number;
  readonly unhosted: number;
}

const HOURS = 24;
const WEEKDAYS = 7;

export function viewOf(model: Model): View {
  const { days } = model;
  const runs = sum(days, (day) => day.runs);
  const active = days.filter((day) => day.calls > 0);
  const hourDays = new Array<number>(HOURS).fill(0);
  const hourCalls = new Array<number>(HOURS).fill(0);
  const weekdayDays = new Array<number>(WEEKDAYS).fill(0);
  const hourly = newHistogram();
  for (const day of active) {
    weekdayDays[weekdayOf(day.day)] = (weekdayDays[weekdayOf(day.day)] ?? 0) + 1;
    for (const { hour, calls } of day.hours) {
      if (calls === 0) continue;
      hourDays[hour] = (hourDays[hour] ?? 0) + 1;
      hourCalls[hour] = (hourCalls[hour] ?? 0) + calls;
      addValue(hourly, calls);
    }
  }
  const hours = days.flatMap((day) => day.hours);
  return {
    model,
    learning: runs < PARAMS.neededRuns ? { runs, needed: PARAMS.neededRuns } : undefined,
    calls: sum(days, (day) => day.calls),
    runs,
    activeDays: active.length,
    days: spanOf(model),
    aspects: Object.fromEntries(ASPECTS.map((aspect) => [aspect, aspectOf(days, aspect)])) as Record<
      Aspect,
      AspectView
    >,
    hosts: hostsOf(days),
    hourDays,
    hourCalls,
    weekdayDays,
    minuteCalls: usual(merged(days, (day) => day.minuteCalls)),
    hourlyCalls: usual(hourly),
    runCalls: usual(merged(days, (day) => day.runCalls)),
    runTime: usual(merged(days, (day) => day.runTime)),
    runSecrets: usual(merged(days, (day) => day.runSecrets)),
    failures: ratioOf(hours.map(({ ended, stopped, failed }) => [ended - stopped, failed])),
    stops: ratioOf(hours.map(({ ended, stopped }) => [ended, stopped])),
    unrun: sum(days, (day) => day.unrun),
    unhosted: sum(days, (day) => day.unhosted),
  };
}

/** Days from the first with rows to where the present begins. */
function spanOf({ days, until }: Model): number {
  const first = days[0];
  return first === undefined ? 0 : dayNumber(until.slice(0, first.day.length)) - dayNumber(first.day) + 1;
}

function sum(days: readonly Day[], of: (day: Day) => number): number {
  return days.reduce((all, day) => all + of(day), 0);
}

function merged(days: readonly Day[], of: (day: Day) => readonly number[]): Histogram {
  const histogram = newHistogram();
  for (const day of days) addSketch(histogram, of(day));
  return histogram;
}

function usual(histogram: Histogram): Usual {
  const all = distribution(histogram);
  return { distribution: all, tail: fitTail(all) };
}

function aspectOf(days: readonly Day[], aspect: Aspect): AspectView {
  const values = new Map<
    string,
    { calls: number; runs: number; days: number; first: string; last: string }
  >();
  for (const { day, values: of } of days) {
    for (const { value, calls, runs, first, last } of of[aspect]) {
      const seen = values.get(value);
      const until = momentOf(day, last);
      if (seen === undefined) {
        values.set(value, { calls, runs, days: 1, first: momentOf(day, first), last: until });
        continue;
      }
      seen.calls += calls;
      seen.runs += runs;
      seen.days++;
      seen.last = until;
    }
  }
  const dropped = sum(days, (day) => day.dropped[aspect]);
  // A value of rows beyond the runs that are told apart was in one at least.
  const once = [...values.values()].filter(({ runs }) => runs <= 1).length;
  const sorted = [...values].sort(([a, x], [b, y]) => y.calls - x.calls || (a < b ? -1 : 1));
  return { values: new Map(sorted), once: once + dropped, dropped };
}

function momentOf(day: string, ms: number): string {
  return new Date(Date.parse(`${day}T00:00:00.000Z`) + ms).toISOString();
}

function hostsOf(days: readonly Day[]): ReadonlyMap<string, HostView> {
  const found = new Map<string, { readonly durations: Histogram; readonly cells: Day['hosts'][number][] }>();
  for (const day of days) {
    for (const facts of day.hosts) {
      const host = found.get(facts.host) ?? { durations: newHistogram(), cells: [] };
      found.set(facts.host, host);
      addSketch(host.durations, facts.durations);
      host.cells.push(facts);
    }
  }
  return new Map(
    [...found].map(([host, { durations, cells }]) => {
      const all = distribution(durations);
      const slowFrom = quantile(all, PARAMS.slowQuantile) ?? 0;
      const slow = cells.map(({ durations: of }) => [countOf(of), countAbove(of, slowFrom)] as const);
      return [
        host,
        {
          ended: cells.reduce((n, { ended }) => n + ended, 0),
          failures: ratioOf(cells.map(({ ended, failed }) => [ended, failed])),
          durations: all,
          slowFrom,
          slow: ratioOf(slow),
        },
      ];
    }),
  );
}

function countOf(sketch: readonly number[]): number {
  let count = 0;
  for (let i = 1; i < sketch.length; i += 2) count += sketch[i] ?? 0;
  return count;
}
