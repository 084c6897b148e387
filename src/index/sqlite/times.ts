/**
 * Times as numbers, in the order that their texts have. Entries write RFC 3339 UTC with milliseconds, and such texts sort
 * like their times; any other text that stands in `ts` is odd: it is compared as a text, by whoever has it.
 */
const LENGTH = '2026-11-20T14:00:00.000Z'.length;
/** Up to the seconds. */
const MINUTE = 17;
/** No time that is a number is before it. */
export const FIRST_MS = Date.parse('0000-01-01T00:00:00.000Z');
const LAST_MS = Date.parse('9999-12-31T23:59:59.999Z');

let knownMinute = '';
let knownMs = 0;

/** Undefined for an odd text. The minute is remembered: entries that follow each other share it. */
export function msOf(ts: string): number | undefined {
  if (ts.length !== LENGTH) return undefined;
  const minute = ts.slice(0, MINUTE);
  if (minute !== knownMinute) {
    const text = `${minute}00.000Z`;
    const ms = Date.parse(text);
    // "2026-02-30" is parsed by some and is no date.
    if (!(ms >= FIRST_MS && ms <= LAST_MS) || new Date(ms).toISOString() !== text) return undefined;
    knownMinute = minute;
    knownMs = ms;
  }
  const digit = (at: number): number => {
    const code = ts.charCodeAt(at) - 48;
    return code >= 0 && code <= 9 ? code : Number.NaN;
  };
  const seconds = digit(17) * 10 + digit(18);
  const ms = digit(20) * 100 + digit(21) * 10 + digit(22);
  if (!(seconds < 60) || Number.isNaN(ms) || ts[19] !== '.' || ts[23] !== 'Z') return undefined;
  return knownMs + seconds * 1000 + ms;
}

/** The first time whose text is not before `text`, which may be any: what is in a window is then told by numbers alone. */
export function firstNotBefore(text: string): number {
  let low = FIRST_MS;
  let high = LAST_MS + 1;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (new Date(middle).toISOString() < text) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Entries of which the times are stored together. */
export const PART_ENTRIES = 4_096;
/** No time: no entry, or one without `ts`. */
export const NO_TIME = 0xffffffff;
/** An odd text, or a time too far from the others: whoever wants to know reads the entry's row. */
export const ODD_TIME = 0xfffffffe;

/** What else a part has than times between `low` and `high`: nothing, entries without a time, or odd ones too. */
export const REST = { none: 0, timeless: 1, odd: 2 } as const;
export type Rest = (typeof REST)[keyof typeof REST];

export interface TimesPart {
  /** Of the times that are numbers; undefined when none is. */
  readonly low: number | undefined;
  readonly high: number | undefined;
  readonly rest: Rest;
  /** Milliseconds after `low`, or one of the two marks. */
  readonly data: Uint32Array;
}

/** `times`: milliseconds, undefined for none, NaN for odd. */
export function encodeTimes(times: readonly (number | undefined)[]): TimesPart {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const time of times) {
    if (time === undefined || Number.isNaN(time)) continue;
    if (time < low) low = time;
    if (time > high) high = time;
  }
  let rest: Rest = REST.none;
  const data = Uint32Array.from(times, (time) => {
    if (time === undefined) {
      if (rest === REST.none) rest = REST.timeless;
      return NO_TIME;
    }
    const after = time - low;
    if (after >= 0 && after < ODD_TIME) return after;
    rest = REST.odd;
    return ODD_TIME;
  });
  return low <= high ? { low, high, rest, data } : { low: undefined, high: undefined, rest, data };
}

export function decodeTimes(low: number | undefined, data: Uint32Array): (number | undefined)[] {
  return Array.from(data, (after) => {
    if (after === NO_TIME) return undefined;
    return after === ODD_TIME ? Number.NaN : (low ?? 0) + after;
  });
}
