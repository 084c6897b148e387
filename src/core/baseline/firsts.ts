/** What was never seen before: values, hours of the day, days of the week. */
import type { Aspect, Deviation } from './deviation.ts';
import { clock, many, weekdayName, whole } from './figures.ts';
import { weekdayOf } from './moment.ts';
import { PARAMS } from './params.ts';
import type { Fresh, Group } from './present.ts';
import { rounded, scoreOfNew } from './score.ts';
import { hostOf } from './values.ts';
import type { View } from './view.ts';

/** How a first value is told, and how many of them. */
const WORDS: Readonly<Record<Aspect, readonly [one: (value: string) => string, several: string]>> = {
  host: [(value) => `first use of ${value}`, 'hosts'],
  endpoint: [(value) => `first ${value}`, 'methods of hosts'],
  response: [(value) => `first answer ${value.replace(' ', ' of ')}`, 'status codes of hosts'],
  tool: [(value) => `first use of tool ${value}`, 'tools'],
  credential: [(value) => `first use of credential ${value}`, 'credentials'],
  action: [(value) => `first action ${value}`, 'actions'],
  type: [(value) => `first entry of type ${value}`, 'types of entries'],
  environment: [(value) => `first time in environment ${value}`, 'environments'],
  project: [(value) => `first time in project ${value}`, 'projects'],
  identity: [(value) => `identity is ${value}`, 'identity levels'],
  user: [(value) => `first time as user ${value}`, 'users'],
  onBehalfOf: [(value) => `first time on behalf of ${value}`, 'principals'],
};

/** Aspects that producers leave out or fill in as they please: that it is there at all says little. */
const FILLED_IN: ReadonlySet<Aspect> = new Set([
  'action',
  'type',
  'environment',
  'project',
  'identity',
  'user',
  'onBehalfOf',
]);

export function firstOf(view: View, { aspect, value, evidence }: Fresh): Deviation | undefined {
  if (isImplied(view, aspect, value)) return undefined;
  const { values } = view.aspects[aspect];
  const usual = aspect === 'identity' ? [...values.keys()][0] : undefined;
  const before = usual === undefined ? '' : `, was ${usual}`;
  return {
    kind: `first_${aspect}`,
    subject: value,
    score: newness(view, aspect),
    words: `${WORDS[aspect][0](value)}${before} in ${many(view.runs, 'run')}`,
    evidence,
  };
}

export function firstsBeyond(view: View, aspect: Aspect, { count, evidence }: Group): Deviation {
  return {
    kind: `first_${aspect}`,
    subject: '',
    score: newness(view, aspect),
    words: `${whole(count)} more calls with ${WORDS[aspect][1]} never seen in ${many(view.runs, 'run')}`,
    evidence,
  };
}

/** A new host has only new endpoints and answers: once is enough. */
function isImplied(view: View, aspect: Aspect, value: string): boolean {
  const ofHost = aspect === 'endpoint' || aspect === 'response';
  return ofHost && !view.aspects.host.values.has(hostOf(value));
}

function newness(view: View, aspect: Aspect): number {
  const { once, values } = view.aspects[aspect];
  const score = scoreOfNew(once, view.runs);
  if (aspect === 'response') return rounded(score * PARAMS.responseWeight);
  return values.size === 0 && FILLED_IN.has(aspect) ? Math.min(score, PARAMS.firstOfItsKind) : score;
}

/** `hour`: `2026-11-20T10`. */
export function unusualHour(view: View, hour: string, { evidence }: Group): Deviation | undefined {
  const at = Number(hour.slice(-2));
  const { hourDays, activeDays } = view;
  if (activeDays < PARAMS.neededDays || (hourDays[at] ?? 0) > 0) return undefined;
  const once = hourDays.filter((days) => days === 1).length;
  const beside = Math.max(hourDays[(at + 1) % 24] ?? 0, hourDays[(at + 23) % 24] ?? 0) / activeDays;
  return {
    kind: 'unusual_hour',
    subject: clock(at),
    // As if some days had it, in proportion to those that had the hour beside it.
    score: scoreOfNew(once + beside * PARAMS.besideHour * activeDays, activeDays),
    words: `active at ${clock(at)}, on 0 of ${many(activeDays, 'active day')} before`,
    evidence,
  };
}

const DAYS_PER_WEEK = 7;

/** `day`: `2026-11-20`. */
export function unusualWeekday(view: View, day: string, { evidence }: Group): Deviation | undefined {
  const weekday = weekdayOf(day);
  const weeks = Math.floor(view.days / DAYS_PER_WEEK);
  if (weeks < PARAMS.neededWeeks || (view.weekdayDays[weekday] ?? 0) > 0) return undefined;
  const once = view.weekdayDays.filter((days) => days === 1).length;
  const name = weekdayName(weekday);
  return {
    kind: 'unusual_weekday',
    subject: name,
    score: scoreOfNew(once, weeks),
    words: `active on a ${name} (UTC), on 0 of ${many(weeks, name)} before`,
    evidence,
  };
}
