/** Reading members of records whose shape nobody promises. What does not fit is left for `fields`, never bent to fit. */
import type { Json, JsonObject } from '../json.ts';
import { LIMITS } from '../limits.ts';
import { field, textAt } from '../query/fields.ts';

/** The last millisecond that 48 bits can say is later than RFC 3339 can write. */
const LAST_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/** Milliseconds since the epoch, for a time that entries can write. */
export function timeMs(ts: string | undefined): number | undefined {
  const ms = ts === undefined ? Number.NaN : Date.parse(ts);
  return ms >= 0 && ms <= LAST_MS ? ms : undefined;
}

const RFC3339 = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;
/** Seconds after this would be in the year 33658, so a larger number counts milliseconds. */
const SECONDS_BELOW = 1e11;

/** The time of a record as entries write times: from RFC 3339, or from seconds or milliseconds since the epoch. */
export function timeOf(value: Json | undefined): string | undefined {
  if (typeof value === 'string') {
    if (!RFC3339.test(value)) return undefined;
    const ms = timeMs(value);
    return ms === undefined ? undefined : new Date(ms).toISOString();
  }
  if (typeof value !== 'number' || !(value >= 0)) return undefined;
  const ms = Math.floor(value < SECONDS_BELOW ? value * 1000 : value);
  return ms <= LAST_MS ? new Date(ms).toISOString() : undefined;
}

/** An id as entries hold one. */
export function idAt(value: JsonObject, ...path: readonly string[]): string | undefined {
  const text = textAt(value, ...path);
  return text !== undefined && text.length > 0 && text.length <= LIMITS.idChars ? text : undefined;
}

/** A number, or, from CSV, a text that is one. */
export function countAt(value: JsonObject, name: string): number | undefined {
  const found = field(value, name);
  const number = typeof found === 'string' && /^\d+(\.\d+)?$/.test(found) ? Number(found) : found;
  return typeof number === 'number' && Number.isFinite(number) && number >= 0 ? number : undefined;
}

export function flagAt(value: JsonObject, name: string): boolean | undefined {
  const found = field(value, name);
  if (found === 'true' || found === true) return true;
  return found === 'false' || found === false ? false : undefined;
}

export function oneOf<T extends string>(value: Json | undefined, words: readonly T[]): T | undefined {
  return words.find((word) => word === value);
}

/** Members that are there, and null for none of them. */
export function present<T extends object>(members: T): { [K in keyof T]?: Exclude<T[K], undefined | null> } {
  return Object.fromEntries(
    Object.entries(members).filter(([, value]) => value !== undefined && value !== null && value !== ''),
  ) as { [K in keyof T]?: Exclude<T[K], undefined | null> };
}

/** The members of a record that are not among `known`: newer versions add some. */
export function othersThan(value: JsonObject, known: ReadonlySet<string>): JsonObject {
  return Object.fromEntries(Object.entries(value).filter(([name]) => !known.has(name)));
}
