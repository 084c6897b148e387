/** Texts that somebody else chose, as they may stand in an entry. */

import { encodeUtf8 } from '../../core/bytes.ts';
import { isDeeperThan } from '../../core/import/nesting.ts';
import type { Json } from '../../core/json.ts';
import { LIMITS } from '../../core/limits.ts';
import { isExact, LONG_NUMBER, parseJson } from '../../core/parse.ts';
import type { Nanos } from './model.ts';

/** For what stands behind a text that was cut. */
const SUFFIX_BYTES = 32;

/**
 * At most so many bytes of JSON; control characters take six times their place there. It is cut at white space, or goes as
 * a whole: half of a secret would be recognised by nobody, and redaction comes after this.
 */
export function clipped(text: string, most: number = LIMITS.otlpTextBytes): string {
  if (text.length * 6 <= most) return text;
  const near = text.slice(0, most + 1);
  if (near.length === text.length && bytesOf(text) <= most) return text;
  let room = most - SUFFIX_BYTES;
  let end = 0;
  let cut = 0;
  for (const character of near) {
    room -= bytesOf(character);
    if (room < 0) break;
    if (/\s/.test(character)) cut = end;
    end += character.length;
  }
  const kept = near.slice(0, cut).trimEnd();
  // A copy: what is cut off would be kept in memory with it.
  return kept === '' ? `…(${text.length} characters)` : Buffer.from(`${kept}…`).toString('utf8');
}

/** In JSON, without its quotes. */
const bytesOf = (text: string): number => Buffer.byteLength(JSON.stringify(text)) - 2;

/** With room for what redaction may write in its place. */
const ID_BYTES = 160;

/** For a member that has to be there and is a name. */
export function idText(text: string | undefined, otherwise: string): string {
  const plain = (text ?? '').trim();
  return plain === '' ? otherwise : clipped(plain, ID_BYTES);
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
