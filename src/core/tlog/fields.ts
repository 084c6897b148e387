/**
 * Reads the two fields that chain an entry to its place, top-level `index` and `prev`, out of its bytes without
 * parsing the rest. Strings and nesting are followed, so a member of the same name deeper down (`metadata.index`, which
 * an agent may choose freely) or inside a string is never taken for it.
 *
 * Precondition for exactness is well-formed JSON; bytes that are not end in `undefined` or in some answer, in time
 * linear in their length, never in an exception.
 */

export interface ChainFields {
  readonly index: number;
  /** Where the 44 characters of `prev` start. */
  readonly prevStart: number;
}

export const PREV_CHARS = 44;

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
/** `[` and `{`, `]` and `}` differ in this bit only. */
const BRACE_BIT = 0x20;
const DIGIT_ZERO = 0x30;
const INDEX_DIGITS = 16;

const MEMBER = new TextEncoder().encode(',"index":');
const INDEX = MEMBER.subarray(2, 7);
const PREV = new TextEncoder().encode('prev');

function startsWith(bytes: Uint8Array, at: number, what: Uint8Array): boolean {
  for (let i = 0; i < what.length; i++) if (bytes[at + i] !== what[i]) return false;
  return true;
}

/** The canonical decimal at `at`, or -1. */
function decimal(bytes: Uint8Array, at: number): number {
  let value = 0;
  for (let i = 0; i <= INDEX_DIGITS; i++) {
    const digit = (bytes[at + i] ?? 0) - DIGIT_ZERO;
    if (digit < 0 || digit > 9) {
      const canonical = i === 1 || (i > 1 && bytes[at] !== DIGIT_ZERO);
      return canonical && Number.isSafeInteger(value) ? value : -1;
    }
    value = value * 10 + digit;
  }
  return -1;
}

const NOT_FOUND = -1;

/**
 * Scans `bytes[from, end)`, where `from` is outside any string at nesting `depth`, and wants the object to close at
 * exactly `end`. Returns `undefined` when it does not, or when a field is absent, doubled or not of its form.
 */
function scan(bytes: Uint8Array, from: number, depth: number, end: number): ChainFields | undefined {
  let index = NOT_FOUND;
  let prevStart = NOT_FOUND;
  let level = depth;
  for (let i = from; i < end; i++) {
    const byte = bytes[i] as number;
    if (byte === QUOTE) {
      const start = i + 1;
      let inside = bytes[++i];
      while (inside !== QUOTE) {
        if (inside === BACKSLASH) i++;
        inside = bytes[++i];
        if (i >= end) return undefined;
      }
      if (level !== 1 || bytes[i + 1] !== COLON) continue;
      if (i - start === INDEX.length && startsWith(bytes, start, INDEX)) {
        if (index !== NOT_FOUND) return undefined;
        index = decimal(bytes, i + 2);
        if (index < 0) return undefined;
      } else if (i - start === PREV.length && startsWith(bytes, start, PREV)) {
        if (prevStart !== NOT_FOUND) return undefined;
        prevStart = i + 3;
        if (bytes[i + 2] !== QUOTE || bytes[prevStart + PREV_CHARS] !== QUOTE) return undefined;
      }
    } else if (byte >= BACKSLASH - 1) {
      if ((byte | BRACE_BIT) === OPEN_BRACE) level++;
      else if ((byte | BRACE_BIT) === CLOSE_BRACE) {
        level--;
        if (level === 0)
          return i === end - 1 && index >= 0 && prevStart >= 0 ? { index, prevStart } : undefined;
      }
    }
  }
  return undefined;
}

/** Places remembered by a scanner: as many shapes of entries as usually alternate in a log. */
const REMEMBERED = 8;

export type FieldScanner = (bytes: Uint8Array, start: number, end: number) => ChainFields | undefined;

/**
 * A scanner that remembers how far from the end `index` stood in entries before. Found there again, only the part from
 * there on is scanned: the member is at the top level exactly when the rest closes the object at its last byte, and an
 * unescaped `,"index":` is inside no string.
 */
export function createFieldScanner(): FieldScanner {
  const distances: number[] = [];
  return (bytes, start, end) => {
    if (bytes[start] !== OPEN_BRACE) return undefined;
    for (let i = 0; i < distances.length; i++) {
      const at = end - (distances[i] as number);
      if (at <= start || bytes[at] !== COMMA || !startsWith(bytes, at, MEMBER)) continue;
      const found = scan(bytes, at, 1, end);
      if (found !== undefined) return found;
    }
    const found = scan(bytes, start, 0, end);
    if (found !== undefined) {
      const at = memberBefore(bytes, start, found.prevStart);
      if (at > start) remember(end - at);
    }
    return found;
  };

  function memberBefore(bytes: Uint8Array, start: number, before: number): number {
    let at = before;
    while (at > start && !(bytes[at] === COMMA && startsWith(bytes, at, MEMBER))) at--;
    return at;
  }

  function remember(distance: number): void {
    if (distances.length === REMEMBERED) distances.pop();
    distances.unshift(distance);
  }
}
