/**
 * RFC 8785 (JSON Canonicalization Scheme). The canonical bytes of an entry are what is hashed, so two programs that
 * agree on the value must agree on every byte: members sorted by UTF-16 code units, ECMAScript's number format, no
 * white space, strings escaped only where JSON demands it.
 *
 * What JSON cannot say is refused rather than approximated: a log must not hold `null` where the caller meant NaN.
 */
import { decodeUtf8 } from './bytes.ts';
import { writeEntry } from './canonical/entry.ts';
import { writeValue } from './canonical/write.ts';
import { isTallyError, TallyError } from './error.ts';
import { LIMITS } from './limits.ts';
import { parseJson } from './parse.ts';

/**
 * The canonical text of a JSON value. `undefined` members are absent; `undefined` elements are null, as in
 * JSON.stringify. Throws `BAD_EVENT` with the JSON path for NaN, infinities, bigints, functions, symbols, lone
 * surrogates, class instances (dates, buffers, maps: convert them first), cycles, and anything deeper than
 * `LIMITS.jsonDepth` or larger than `LIMITS.canonicalNodes`.
 */
export function canonicalize(value: unknown): string {
  return writeValue(value, '$', undefined, { nodes: LIMITS.canonicalNodes });
}

/**
 * The canonical text of an entry (or of any object), fast: `canonicalize(entry)` byte for byte, with the same errors.
 * Members are read as plain data: a known member that is not enumerable may be written although it should not be.
 */
export function serializeEntry(entry: object): string {
  // The fixed shape keeps no track of places; the general path writes what it cannot, or says where it is wrong.
  return writeEntry(entry) ?? canonicalize(entry);
}

/**
 * Parses bytes that must be the canonical form of their value. Throws `NOT_CANONICAL` for anything else: text that is
 * not UTF-8 or not JSON, a duplicate member, white space, another order, another spelling of a number or string.
 * A log that accepted two spellings of one record would let an attacker alter its bytes and deny it.
 */
export function parseCanonical(bytes: Uint8Array): unknown {
  const text = decodeUtf8(bytes);
  if (text === undefined) throw notCanonical('not well-formed UTF-8');
  let value: unknown;
  try {
    value = parseJson(text);
  } catch {
    // The parser's own message quotes the text, which may hold anything.
    throw notCanonical('not JSON');
  }
  let again: string;
  try {
    again = canonicalize(value);
  } catch (error) {
    if (isTallyError(error)) throw notCanonical(error.message);
    throw error;
  }
  if (again !== text) throw notCanonical('JSON, but not in its RFC 8785 form');
  return value;
}

/** Whether `parseCanonical` accepts these bytes. */
export function isCanonical(bytes: Uint8Array): boolean {
  try {
    parseCanonical(bytes);
    return true;
  } catch (error) {
    if (isTallyError(error)) return false;
    throw error;
  }
}

function notCanonical(why: string): TallyError {
  return new TallyError('NOT_CANONICAL', `these bytes are ${why}`);
}
