/** Times as people read and write them. Entries keep RFC 3339 UTC; a person sees the local zone, or UTC with --utc. */
import { TallyError } from '../../core/error.ts';

export interface Zone {
  readonly utc: boolean;
}

const two = (n: number): string => String(n).padStart(2, '0');

interface Parts {
  readonly day: string;
  readonly time: string;
}

function parts(ms: number, { utc }: Zone): Parts {
  const at = new Date(ms);
  if (utc) {
    const iso = at.toISOString();
    return { day: iso.slice(0, 10), time: iso.slice(11, 23) };
  }
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  const clock = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  return { day, time: `${clock}.${String(at.getMilliseconds()).padStart(3, '0')}` };
}

/** `2026-11-21 01:19:11.123`; text that is no time comes back as it is. */
export function formatTime(ts: string, zone: Zone): string {
  const ms = Date.parse(ts);
  if (Number.isNaN(ms)) return ts;
  const { day, time } = parts(ms, zone);
  return `${day} ${time}${zone.utc ? 'Z' : ''}`;
}

/** As short as it can be told: the clock when it was today, no year when it is this one. */
export function formatRecent(ts: string, nowMs: number, zone: Zone): string {
  const ms = Date.parse(ts);
  if (Number.isNaN(ms)) return ts;
  const { day, time } = parts(ms, zone);
  const today = parts(nowMs, zone).day;
  if (day === today) return time;
  return day.slice(0, 4) === today.slice(0, 4)
    ? `${day.slice(5)} ${time.slice(0, 8)}`
    : `${day} ${time.slice(0, 5)}`;
}

/** `+02:00` of that moment, for headings. */
export function zoneName(ms: number, { utc }: Zone): string {
  if (utc) return 'UTC';
  const minutes = -new Date(ms).getTimezoneOffset();
  if (minutes === 0) return 'UTC';
  const sign = minutes < 0 ? '-' : '+';
  const absolute = Math.abs(minutes);
  return `UTC${sign}${two(Math.floor(absolute / 60))}:${two(absolute % 60)}`;
}

/** What has to be added to UTC at that moment, in milliseconds. */
export function offsetMs(ms: number, { utc }: Zone): number {
  return utc ? 0 : -new Date(ms).getTimezoneOffset() * 60_000;
}

/** `0.4 ms`, `87 ms`, `1.24 s`, `2m 05s`, `3h 20m`. */
export function formatDuration(ms: number): string {
  if (ms < 10) return `${Math.round(ms * 10) / 10} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(2)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ${two(seconds % 60)}s`;
  return `${Math.floor(seconds / 3600)}h ${two(Math.floor((seconds % 3600) / 60))}m`;
}

const UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/**
 * A moment as a person writes it: `10m`, `2h`, `7d` (that long ago), `today`, `yesterday`, `2026-11-20`,
 * `2026-11-20T14:00`, `14:30` (today), or a full RFC 3339 time. Without a zone it is in `zone`. Milliseconds.
 */
export function parseMoment(text: string, nowMs: number, zone: Zone): number {
  const ago = /^(\d+(?:\.\d+)?)(ms|s|m|h|d|w)$/.exec(text);
  const unit = UNITS[ago?.[2] ?? ''];
  if (ago?.[1] !== undefined && unit !== undefined) return checked(text, nowMs - Number(ago[1]) * unit);
  const today = parts(nowMs, zone).day;
  if (text === 'now') return nowMs;
  if (text === 'today') return dayStart(today, zone);
  if (text === 'yesterday') return dayStart(parts(dayStart(today, zone) - 1, zone).day, zone);
  if (/^\d{4}-\d\d-\d\d$/.test(text)) return checked(text, dayStart(text, zone));
  if (/^\d\d:\d\d(:\d\d(\.\d+)?)?$/.test(text)) return checked(text, inZone(`${today}T${text}`, zone));
  if (/^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?$/.test(text)) {
    return checked(text, inZone(text.replace(' ', 'T'), zone));
  }
  if (/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/.test(text)) {
    return checked(text, Date.parse(text));
  }
  throw badMoment(text);
}

/** ECMAScript reads a date-time without a zone as local time, which is what a person means. */
function inZone(text: string, { utc }: Zone): number {
  return Date.parse(utc ? `${text}Z` : text);
}

function dayStart(day: string, zone: Zone): number {
  return inZone(`${day}T00:00`, zone);
}

/** Years of four digits, as entries write them: text is compared with text. */
const EARLIEST = Date.parse('0000-01-01T00:00Z');
const LATEST = Date.parse('9999-12-31T23:59:59.999Z');

function checked(text: string, ms: number): number {
  if (Number.isNaN(ms) || ms < EARLIEST || ms > LATEST || !isDay(text)) throw badMoment(text);
  return ms;
}

/** ECMAScript takes the thirtieth of February for the second of March. */
function isDay(text: string): boolean {
  const day = /^\d{4}-\d\d-\d\d/.exec(text)?.[0];
  return day === undefined || new Date(`${day}T00:00Z`).toISOString().startsWith(day);
}

function badMoment(text: string): TallyError {
  return new TallyError('USAGE', `not a time: ${text}`, {
    hint: 'write 10m, 2h or 7d (ago), today, yesterday, 14:30, 2026-11-20, 2026-11-20T14:00 or an RFC 3339 time',
  });
}
