/**
 * OTLP in JSON (the protocol's own mapping): ids in hex, 64-bit numbers as text or number, enums as numbers, names in
 * lowerCamelCase. Unknown members are passed over, as the protocol asks; a member that is known under its name in
 * snake_case is refused, since a sender that writes it so would lose everything that it holds.
 */
import { decodeHex, decodeUtf8 } from '../../core/bytes.ts';
import type { Json, JsonObject } from '../../core/json.ts';
import { LIMITS } from '../../core/limits.ts';
import { isObject } from '../../core/query/fields.ts';
import { tooMany, undecodable } from './budget.ts';
import { idOf } from './value.ts';

/** One level of a value is up to five of JSON: `{"key":…,"value":{"kvlistValue":{"values":[`. With room for deeper ones. */
const LEVELS = 10;
/** An attribute is four values of JSON, with room. */
const PARTS = 5;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN: ReadonlySet<number> = new Set([0x7b, 0x5b]);
const CLOSE: ReadonlySet<number> = new Set([0x7d, 0x5d]);

/**
 * Before a parser makes objects of it: a few bytes each would become hundreds of megabytes. One pass, no recursion. No
 * member of OTLP has a name that needs an escape, and names with one cost a parser much (core/parse.ts).
 */
function refuseHuge(bytes: Uint8Array): void {
  let [depth, values, inText, isEscaped] = [0, 0, false, false];
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] ?? 0;
    if (inText) {
      if (byte === BACKSLASH) {
        i++;
        isEscaped = true;
      } else if (byte === QUOTE) inText = false;
    } else if (byte === QUOTE) {
      inText = true;
      isEscaped = false;
    } else if (byte === COLON && isEscaped)
      throw undecodable('the name of a member is written with an escape');
    else if (OPEN.has(byte)) {
      values++;
      if (++depth > LEVELS * LIMITS.otlpDepth) throw undecodable('it is nested too deep');
    } else if (CLOSE.has(byte)) depth--;
    else if (byte === COMMA) values++;
  }
  if (values > PARTS * LIMITS.otlpValues) throw tooMany();
}

/** Throws BAD_EVENT and ENTRY_TOO_LARGE. */
export function bodyOf(bytes: Uint8Array): JsonObject {
  refuseHuge(bytes);
  const text = decodeUtf8(bytes);
  let value: unknown;
  try {
    // Names without escapes need none of what core/parse.ts does, which millions of escapes in one text are too many for.
    value = text === undefined ? undefined : JSON.parse(text);
  } catch {
    // Told below: what a parser says of it may quote it.
  }
  if (!isObject(value)) throw undecodable('it is no JSON object in UTF-8');
  return value;
}

/** Of a message: undefined when the member is absent or null. Throws for its name in snake_case. */
export function member(object: JsonObject, name: string): Json | undefined {
  const snake = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  if (snake !== name && Object.hasOwn(object, snake))
    throw undecodable(`the member ${snake} has to be called ${name}`);
  const value = Object.hasOwn(object, name) ? object[name] : undefined;
  return value === null ? undefined : value;
}

export function messageAt(object: JsonObject, name: string): JsonObject | undefined {
  const value = member(object, name);
  if (value === undefined) return undefined;
  if (!isObject(value)) throw undecodable(`${name} is no object`);
  return value;
}

export function messagesAt(object: JsonObject, name: string): readonly JsonObject[] {
  const value = member(object, name);
  if (value === undefined) return [];
  if (!Array.isArray(value) || !value.every(isObject)) throw undecodable(`${name} is no list of objects`);
  return value;
}

export function textIn(object: JsonObject, name: string): string {
  const value = member(object, name) ?? '';
  if (typeof value !== 'string') throw undecodable(`${name} is no text`);
  return value;
}

/** A number of 32 bits: a text that is one counts too. */
export function numberIn(object: JsonObject, name: string): number {
  const value = member(object, name) ?? 0;
  const number = typeof value === 'string' && /^\d{1,10}$/.test(value) ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isSafeInteger(number) || number < 0)
    throw undecodable(`${name} is no number (enums are numbers here, not names)`);
  return number;
}

/** Nanoseconds. A number has lost digits, and is taken all the same: senders write it so. */
export function nanosIn(object: JsonObject, name: string): bigint {
  const value = member(object, name) ?? 0;
  if (typeof value === 'string' && /^\d{1,20}$/.test(value)) return BigInt.asUintN(64, BigInt(value));
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < 2 ** 64)
    return BigInt(value);
  throw undecodable(`${name} is no time in nanoseconds`);
}

/** '' when it is absent; undefined for what is no id of that length. */
export function idIn(object: JsonObject, name: string, length: 8 | 16): string | undefined {
  const value = member(object, name) ?? '';
  if (typeof value !== 'string') return undefined;
  const bytes = value.length === length * 2 ? decodeHex(value.toLowerCase()) : undefined;
  return value === '' ? '' : bytes === undefined ? undefined : idOf(bytes, length);
}
