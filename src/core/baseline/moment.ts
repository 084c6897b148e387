/** Times of entries, read by their digits: a row is placed by what its `ts` says, in UTC. */

export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;
const MINUTES_PER_HOUR = 60;
/** `2026-11-20T10:15:30.250Z` */
const TS_CHARS = 24;
const DAY_CHARS = 10;

function digits(text: string, at: number, count: number): number {
  let n = 0;
  for (let i = at; i < at + count; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (!(digit >= 0 && digit <= 9)) return Number.NaN;
    n = n * 10 + digit;
  }
  return n;
}

/** Milliseconds of its day; undefined for what no recorder writes. */
export function timeOfDay(ts: string): number | undefined {
  if (ts.length !== TS_CHARS) return undefined;
  const hour = digits(ts, 11, 2);
  const minute = digits(ts, 14, 2);
  const ms = digits(ts, 17, 2) * 1000 + digits(ts, 20, 3);
  const all = hour * HOUR_MS + minute * MINUTE_MS + ms;
  return hour < 24 && minute < MINUTES_PER_HOUR && ms < MINUTE_MS ? all : undefined;
}

export function dayOf(ts: string): string {
  return ts.slice(0, DAY_CHARS);
}

/** A day that there is: what stands in front of a time may be anything, in a log that somebody else wrote. */
export function isDay(day: string): boolean {
  const ms = /^\d{4}-\d\d-\d\d$/.test(day) ? Date.parse(day) : Number.NaN;
  return !Number.isNaN(ms) && new Date(ms).toISOString().slice(0, DAY_CHARS) === day;
}

export function dayStart(day: string): string {
  return `${day}T00:00:00.000Z`;
}

/** 0 is Sunday. */
export function weekdayOf(day: string): number {
  return new Date(Date.parse(dayStart(day))).getUTCDay();
}

export function dayNumber(day: string): number {
  return Math.floor(Date.parse(dayStart(day)) / DAY_MS);
}

/** The window before a present that begins at `nowMs`: so many whole UTC days, and the begun one up to there. */
export function windowBefore(
  nowMs: number,
  days: number,
): { readonly since: string; readonly until: string } {
  const start = Math.floor(nowMs / DAY_MS) * DAY_MS - days * DAY_MS;
  return { since: new Date(start).toISOString(), until: new Date(nowMs).toISOString() };
}
