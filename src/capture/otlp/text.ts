/** Texts that somebody else chose, as they may stand in an entry. */

import { encodeUtf8 } from '../../core/bytes.ts';
import { isDeeperThan } from '../../core/import/nesting.ts';
import type { Json } from '../../core/json.ts';
import { LIMITS } from '../../core/limits.ts';
import { isExact, LONG_NUMBER, parseJson } from '../../core/parse.ts';
import type { Nanos } from './model.ts';

/** At most LIMITS.otlpTextChars, never half a character. */
export function clipped(text: string): string {
  if (text.length <= LIMITS.otlpTextChars) return text;
  return `${text.slice(0, LIMITS.otlpTextChars - 1).toWellFormed()}…`;
}

/** With room for what redaction may write in its place. */
const ID_CHARS = 160;

/** For a member that has to be there and is a name. */
export function idText(text: string | undefined, otherwise: string): string {
  const plain = (text ?? '').trim();
  if (plain === '') return otherwise;
  return plain.length <= ID_CHARS ? plain : `${plain.slice(0, ID_CHARS - 1).toWellFormed()}…`;
}

/** RFC 3339 with nine decimals; undefined when it was not said. */
export function timeText(nanos: Nanos): string | undefined {
  if (nanos === 0n) return undefined;
  const seconds = new Date(Number(nanos / 1_000_000_000n) * 1_000).toISOString().slice(0, 19);
  return `${seconds}.${String(nanos % 1_000_000_000n).padStart(9, '0')}Z`;
}

export function durationMs(start: Nanos, end: Nanos): number | undefined {
  if (start === 0n || end < start) return undefined;
  // Whole microseconds.
  return Number((end - start) / 1_000n) / 1_000;
}

const LONE = /\\u[dD][89a-fA-F]/;

/**
 * A text that is JSON as what it says: members are then redacted by their names, and hashed alike however they were
 * written. Anything that is not told exactly by it stays a text.
 */
export function opened(value: Json): Json {
  if (typeof value !== 'string' || !/^\s*[[{]/.test(value) || value.length > LIMITS.otlpPayloadBytes)
    return value;
  if (isDeeperThan(encodeUtf8(value), LIMITS.otlpDepth)) return value;
  try {
    const parsed = LONG_NUMBER.test(value) ? parseJson(value, exact) : parseJson(value);
    return LONE.test(value) && LONE.test(JSON.stringify(parsed)) ? value : (parsed as Json);
  } catch {
    // No JSON after all, or a number that is not what was written.
    return value;
  }
}

function exact(value: unknown): unknown {
  if (isExact(value)) return value;
  throw new RangeError('a number that cannot be told from its neighbours');
}

/** Without query, fragment and whoever logs in. */
export function plainUrl(text: string): string {
  const path = text.split(/[?#]/, 1)[0] ?? '';
  return path.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/@]*@/i, '$1');
}
