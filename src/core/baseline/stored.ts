/**
 * A model as text: canonical JSON with a version. What comes back from a disk may be anything: it is read with bounds, and
 * what is not exactly a model of this version is no model, with the reason in words.
 */
import { canonicalize } from '../canonical.ts';
import { LIMITS } from '../limits.ts';
import { parseJson } from '../parse.ts';
import { KINDS } from '../query/kind.ts';
import { mapAspects } from './day.ts';
import type { Aspect } from './deviation.ts';
import type { Day, HostFacts, Hour, Model, Sketch, Value } from './model.ts';
import { DAY_MS, dayStart, HOUR_MS } from './moment.ts';
import { PARAMS } from './params.ts';
import { LAST_BUCKET } from './sketch.ts';

/** Which log it was learned from, and how much of it. */
export interface Reflects {
  readonly log: string;
  readonly size: number;
}

export type Parsed = { readonly model: Model; readonly reflects: Reflects } | { readonly why: string };

export function serializeModel({ agent, since, until, days }: Model, { log, size }: Reflects): string {
  const written = days.map(({ hours, hosts, values, ...day }) => ({
    ...day,
    hours: hours.map((each) => [each.hour, each.calls, each.ended, each.failed, each.stopped, ...each.rows]),
    hosts: hosts.map(({ host, ended, failed, durations }) => [host, ended, failed, durations]),
    values: mapAspects((aspect) =>
      values[aspect].map(({ value, calls, runs, first, last }) => [value, calls, runs, first, last]),
    ),
  }));
  return canonicalize({ version: PARAMS.version, agent, since, until, log, size, days: written });
}

class NoModel extends Error {}

/** Never throws. Cost: linear in the text, which is refused unread when it is longer than a stored model may be. */
export function parseModel(text: string): Parsed {
  if (text.length > LIMITS.baselineFileBytes) return { why: 'longer than a stored baseline may be' };
  let value: unknown;
  try {
    value = parseJson(text);
  } catch {
    // The parser's own message quotes the text.
    return { why: 'not JSON' };
  }
  try {
    return readModel(object(value, 'it'));
  } catch (error) {
    if (error instanceof NoModel) return { why: error.message };
    throw error;
  }
}

type Members = Readonly<Record<string, unknown>>;

function readModel(from: Members): Parsed {
  if (from.version !== PARAMS.version) return { why: 'of another version' };
  const days = list(from.days, 'days', LIMITS.baselineDays + 1).map(readDay);
  const ordered = days.every(({ day }, i) => i === 0 || (days[i - 1]?.day ?? '') < day);
  if (!ordered) throw new NoModel('its days are out of order');
  const model = { agent: string(from.agent), since: moment(from.since), until: moment(from.until), days };
  return { model, reflects: { log: string(from.log), size: integer(from.size) } };
}

function readDay(value: unknown): Day {
  const from = object(value, 'a day');
  const day = string(from.day);
  moment(dayStart(day));
  const values = object(from.values, 'values');
  const dropped = object(from.dropped, 'dropped');
  return {
    day,
    calls: integer(from.calls),
    runs: integer(from.runs, LIMITS.baselineRuns),
    unrun: integer(from.unrun),
    unhosted: integer(from.unhosted),
    hours: list(from.hours, 'hours', DAY_MS / HOUR_MS).map(readHour),
    values: mapAspects((aspect) => list(values[aspect], aspect, LIMITS.baselineValues).map(readValue)),
    dropped: mapAspects((aspect: Aspect) => integer(dropped[aspect])),
    hosts: list(from.hosts, 'hosts', LIMITS.baselineHosts).map(readHost),
    minuteCalls: sketch(from.minuteCalls),
    runCalls: sketch(from.runCalls),
    runTime: sketch(from.runTime),
    runSecrets: sketch(from.runSecrets),
  };
}

function readHour(value: unknown): Hour {
  const numbers = list(value, 'an hour', 5 + KINDS.length + 2);
  if (numbers.length !== 5 + KINDS.length + 2) throw new NoModel('an hour has other members');
  const [hour, calls, ended, failed, stopped, ...rows] = numbers.map((n) => integer(n));
  return {
    hour: integer(hour, DAY_MS / HOUR_MS - 1),
    calls: integer(calls),
    ended: integer(ended),
    failed: integer(failed),
    stopped: integer(stopped),
    rows,
  };
}

function readValue(value: unknown): Value {
  const [name, calls, runs, first, last] = list(value, 'a value', 5);
  return {
    value: string(name),
    calls: integer(calls),
    runs: integer(runs, LIMITS.baselineRuns),
    first: integer(first, DAY_MS),
    last: integer(last, DAY_MS),
  };
}

function readHost(value: unknown): HostFacts {
  const [host, ended, failed, durations] = list(value, 'a host', 4);
  return {
    host: string(host),
    ended: integer(ended),
    failed: integer(failed),
    durations: sketch(durations),
  };
}

/** Buckets rise, and none is empty. */
function sketch(value: unknown): Sketch {
  const numbers = list(value, 'a distribution', 2 * (LAST_BUCKET + 1)).map((n) => integer(n));
  let before = -1;
  for (let i = 0; i < numbers.length; i += 2) {
    const bucket = numbers[i] ?? 0;
    if (bucket <= before || bucket > LAST_BUCKET || (numbers[i + 1] ?? 0) < 1)
      throw new NoModel('a distribution is none');
    before = bucket;
  }
  return numbers;
}

function object(value: unknown, name: string): Members {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Members;
  throw new NoModel(`${name} is no object`);
}

function list(value: unknown, name: string, most: number): readonly unknown[] {
  if (!Array.isArray(value)) throw new NoModel(`${name} is no list`);
  if (value.length > most) throw new NoModel(`${name} has more members than there may be`);
  return value;
}

function string(value: unknown): string {
  if (typeof value === 'string' && value.length <= LIMITS.idChars) return value;
  throw new NoModel('a text is none, or too long');
}

function integer(value: unknown, most: number = Number.MAX_SAFE_INTEGER): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= most) return value;
  throw new NoModel('a number is none, or out of range');
}

function moment(value: unknown): string {
  const text = string(value);
  const ms = Date.parse(text);
  if (!Number.isNaN(ms) && new Date(ms).toISOString() === text) return text;
  throw new NoModel('a time is none');
}
