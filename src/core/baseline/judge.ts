/**
 * How what an agent does now differs from what it usually does. Pure: the same model and the same rows give the same
 * deviations, whatever the machine. Formulas, parameters and what was measured: spec/baseline.md.
 */
import { LIMITS } from '../limits.ts';
import type { Row } from '../query/row.ts';
import * as amounts from './amounts.ts';
import { ALARM, type Deviation, type Learning, LOOK } from './deviation.ts';
import { firstOf, firstsBeyond, unusualHour, unusualWeekday } from './firsts.ts';
import type { Model } from './model.ts';
import { type Counter, createCounter, type Group, type Present } from './present.ts';
import { type View, viewOf } from './view.ts';

/** Everything that differs, however little: highest score first, equal ones by kind, then by subject. */
export function judge(model: Model, rows: Iterable<Row>): readonly Deviation[] {
  const view = viewOf(model);
  const counter = createCounter(view);
  for (const row of rows) counter.add(row);
  return deviationsOf(view, counter.present);
}

/** Of rows that were counted. Empty while too few runs are known. */
export function deviationsOf(view: View, present: Present): readonly Deviation[] {
  if (view.learning !== undefined) return [];
  const found: (Deviation | undefined)[] = [];
  for (const fresh of present.fresh.values())
    for (const each of fresh.values()) found.push(firstOf(view, each));
  for (const [aspect, group] of present.more) found.push(firstsBeyond(view, aspect, group));
  for (const [hour, group] of present.hours) found.push(unusualHour(view, hour, group));
  for (const [day, group] of present.days) found.push(unusualWeekday(view, day, group));
  found.push(most(present.minutes, (group) => amounts.callsPerMinute(view, present, group)));
  found.push(most(present.hours, (group) => amounts.callsPerHour(view, present, group)));
  for (const run of present.runs.values())
    for (const test of [amounts.runCalls, amounts.runTime, amounts.runSecrets])
      found.push(test(view, present, run));
  found.push(amounts.failures(view, present), amounts.stops(view, present));
  for (const [host, now] of present.hosts)
    found.push(amounts.hostFailures(view, present, host, now), amounts.hostSlow(view, present, host, now));
  return sorted(found);
}

/** Of the largest; the first of equals. */
function most(
  groups: ReadonlyMap<string, Group>,
  test: (group: Group) => Deviation | undefined,
): Deviation | undefined {
  let largest: Group | undefined;
  for (const group of groups.values())
    if (largest === undefined || group.count > largest.count) largest = group;
  return largest === undefined ? undefined : test(largest);
}

function sorted(found: readonly (Deviation | undefined)[]): readonly Deviation[] {
  const unique = new Map<string, Deviation>();
  for (const each of found) {
    if (each === undefined || each.score === 0) continue;
    // An hour or a run may come on two days: the more unusual one stands.
    const key = `${each.kind} ${each.subject}`;
    const known = unique.get(key);
    if (known === undefined || each.score > known.score) unique.set(key, each);
  }
  const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
  return [...unique.values()]
    .map((each) => ({ ...each, evidence: each.evidence.toSorted((a, b) => a - b) }))
    .sort((a, b) => b.score - a.score || order(a.kind, b.kind) || order(a.subject, b.subject));
}

/**
 * Takes the rows of one agent as they come, in the order of the log. A row whose end comes later is given again when
 * it has it (same `index`, now with `end`). Memory is bounded by `LIMITS`, whatever comes.
 */
export interface LiveBaseline {
  /**
   * What this row shows, with a score of `LOOK` or more. Told once for each kind and subject in an hour (UTC, by `ts`),
   * values that were never seen once for all; again when it becomes an alarm.
   */
  add(row: Row): readonly Deviation[];
  /** While too few runs are known nothing is scored. */
  readonly learning: Learning | undefined;
}

const HOUR_CHARS = 13;

/** Its present is the hour that runs, and runs from their first call on that UTC day. */
export function createLiveBaseline(model: Model): LiveBaseline {
  const view = viewOf(model);
  const counter = createCounter(view);
  const toldThisHour = new Map<string, number>();
  const toldForGood = new Map<string, number>();
  let hour = '';

  function isNews({ kind, subject, score }: Deviation): boolean {
    if (score < LOOK) return false;
    const told = kind.startsWith('first_') ? toldForGood : toldThisHour;
    const key = `${kind} ${subject}`;
    const before = told.get(key);
    if (before !== undefined && (before >= ALARM || score < ALARM)) return false;
    const [oldest] = told.size >= LIMITS.baselinePresent ? told.keys() : [];
    if (oldest !== undefined) told.delete(oldest);
    told.set(key, score);
    return true;
  }

  return {
    learning: view.learning,
    add(row) {
      if (view.learning !== undefined || row.ts === undefined || row.agent !== model.agent) return [];
      const now = row.ts.slice(0, HOUR_CHARS);
      if (now > hour) {
        hour = now;
        toldThisHour.clear();
        counter.nextHour();
      }
      return sorted(touched(view, counter, row)).filter(isNews);
    },
  };
}

/** Only what this row can have changed. */
function touched(view: View, counter: Counter, row: Row): (Deviation | undefined)[] {
  const { fresh, more, minute, hour, day, run, failed, stopped, host } = counter.add(row);
  const { present } = counter;
  const found: (Deviation | undefined)[] = fresh.map((each) => firstOf(view, each));
  for (const aspect of more) {
    const group = present.more.get(aspect);
    if (group !== undefined) found.push(firstsBeyond(view, aspect, group));
  }
  const at = <T>(map: ReadonlyMap<string, T>, key: string | undefined): T | undefined =>
    key === undefined ? undefined : map.get(key);
  const inMinute = at(present.minutes, minute);
  if (inMinute !== undefined) found.push(amounts.callsPerMinute(view, present, inMinute));
  const inHour = at(present.hours, hour);
  if (inHour !== undefined) found.push(amounts.callsPerHour(view, present, inHour));
  if (inHour?.count === 1) found.push(unusualHour(view, hour ?? '', inHour));
  const inDay = at(present.days, day);
  if (inDay?.count === 1) found.push(unusualWeekday(view, day ?? '', inDay));
  const ofRun = at(present.runs, run);
  if (ofRun !== undefined)
    for (const test of [amounts.runCalls, amounts.runTime, amounts.runSecrets])
      found.push(test(view, present, ofRun));
  if (failed) found.push(amounts.failures(view, present));
  if (stopped) found.push(amounts.stops(view, present));
  const ofHost = at(present.hosts, host);
  if (host !== undefined && ofHost !== undefined)
    found.push(
      amounts.hostFailures(view, present, host, ofHost),
      amounts.hostSlow(view, present, host, ofHost),
    );
  return found;
}
