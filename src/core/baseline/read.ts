/** Models and presents out of a log, through the port that every index answers. */

import type { LogFilter } from '../query/filter.ts';
import { KINDS } from '../query/kind.ts';
import type { Query, Summary, Tally } from '../query/port.ts';
import { createLearner, type LearnParams } from './learn.ts';
import type { Day, Model } from './model.ts';
import { DAY_MS, dayOf, dayStart, isDay } from './moment.ts';
import { createCounter, type Present } from './present.ts';
import type { View } from './view.ts';

export interface Learned {
  readonly model: Model;
  /** Days taken over from `known`, and days that were learned from their rows. */
  readonly reused: number;
  readonly learned: number;
}

/** Days that are learned in one reading: a cell of each is in memory. */
const AT_ONCE = 7;

/**
 * The same as `learn` of all rows. A day of `known` is taken over when it has, hour by hour, as many rows of each kind as
 * the log has now: an end that came late, an entry that was added to an old day, and a row that was erased all show
 * there.
 */
export async function learnFrom(
  query: Query,
  params: LearnParams,
  known: readonly Day[] = [],
  onProgress: (done: number, total: number) => void = () => undefined,
): Promise<Learned> {
  const { agent, since, until } = params;
  const summary = await query.summary({ agent, since, until }, [], 0);
  const wanted = rowsByDay(summary);
  const whole = new Map(known.filter(({ day }) => isWhole(day, params)).map((each) => [each.day, each]));
  const days: Day[] = [];
  const missing: string[] = [];
  let total = 0;
  for (const [day, hours] of wanted) {
    const kept = whole.get(day);
    if (kept !== undefined && sameRows(kept, hours)) days.push(kept);
    else {
      missing.push(day);
      total += [...hours.values()].reduce((n, [rows = 0]) => n + rows, 0);
    }
  }
  const reused = days.length;
  let done = 0;
  for (const range of ranges(missing)) {
    const learner = createLearner(params);
    const filter = { agent, since: later(since, range.since), until: earlier(until, range.until) };
    for await (const row of query.rows(filter, { order: 'oldest' })) {
      learner.add(row);
      if (++done % 4096 === 0) onProgress(done, total);
    }
    days.push(...learner.days());
  }
  days.sort((a, b) => (a.day < b.day ? -1 : 1));
  return { model: { agent, since, until, days }, reused, learned: missing.length };
}

/** Days that no present cuts: only these may be kept. */
export function isWhole(day: string, { since, until }: Pick<LearnParams, 'since' | 'until'>): boolean {
  return dayStart(day) >= since && nextDay(day) <= until;
}

/** Counts what an agent does now, row by row. */
export async function presentOf(query: Query, view: View, filter: LogFilter): Promise<Present> {
  const counter = createCounter(view);
  for await (const row of query.rows({ ...filter, agent: view.model.agent }, { order: 'oldest' }))
    counter.add(row);
  return counter.present;
}

/** By day, by hour: total, kinds, redacted. */
function rowsByDay({ hours }: Summary): ReadonlyMap<string, ReadonlyMap<number, readonly number[]>> {
  const days = new Map<string, Map<number, readonly number[]>>();
  for (const { hour, tally } of hours) {
    const day = dayOf(hour);
    if (!isDay(day)) continue;
    const known = days.get(day) ?? new Map<number, readonly number[]>();
    days.set(day, known);
    known.set(Number(hour.slice(11, 13)), numbersOf(tally));
  }
  return days;
}

function numbersOf(tally: Tally): readonly number[] {
  return [tally.total, ...KINDS.map((kind) => tally[kind]), tally.redacted];
}

function sameRows(day: Day, hours: ReadonlyMap<number, readonly number[]>): boolean {
  return (
    day.hours.length === hours.size &&
    day.hours.every(({ hour, rows }) => {
      const now = hours.get(hour);
      return now !== undefined && rows.every((n, i) => n === now[i]);
    })
  );
}

interface Range {
  readonly since: string;
  readonly until: string;
}

/** Days that follow each other, a few at a time. */
function* ranges(days: readonly string[]): Generator<Range> {
  let first: string | undefined;
  let last = '';
  let count = 0;
  for (const day of days) {
    if (first !== undefined && (count >= AT_ONCE || dayStart(day) !== nextDay(last))) {
      yield { since: dayStart(first), until: nextDay(last) };
      first = undefined;
    }
    if (first === undefined) {
      first = day;
      count = 0;
    }
    last = day;
    count++;
  }
  if (first !== undefined) yield { since: dayStart(first), until: nextDay(last) };
}

function nextDay(day: string): string {
  return new Date(Date.parse(dayStart(day)) + DAY_MS).toISOString();
}

const later = (a: string, b: string): string => (a > b ? a : b);
const earlier = (a: string, b: string): string => (a < b ? a : b);
