/**
 * Reads the two fields that chain an entry to its place, top-level `index` and `prev`, out of its bytes without
 * parsing the rest. Strings and nesting are followed, so a member of the same name deeper down (`metadata.index`, which
 * an agent may choose freely) or inside a string is never taken for it.
 *
 * Precondition for exactness is JSON whose objects do not repeat a name; bytes that are not end in `undefined` or in
 * some answer, in time linear in their length, never in an exception.
 */
import { UNTOLD } from '../wasm/nesting.ts';

export interface ChainFields {
  readonly index: number;
  /** Where the 44 characters of `prev` start. */
  readonly prevStart: number;
}

export const PREV_CHARS = 44;
/** `prev` of index 0: 32 zero bytes. */
export const GENESIS_PREV = 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=';

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
/** `[` and `{`, `]` and `}` differ in this bit only. */
const BRACE_BIT = 0x20;
const DIGIT_ZERO = 0x30;
const INDEX_DIGITS = 16;

const encoder = new TextEncoder();
const INDEX = encoder.encode('index');
const PREV = encoder.encode('prev');
const INDEX_MEMBER = encoder.encode(',"index":');
const PREV_MEMBER = encoder.encode(',"prev":"');

function startsWith(bytes: Uint8Array, at: number, what: Uint8Array): boolean {
  for (let i = 0; i < what.length; i++) if (bytes[at + i] !== what[i]) return false;
  return true;
}

/** The canonical decimal at `at` that a member or the object ends after, or -1. */
export function decimalAt(bytes: Uint8Array, at: number): number {
  let value = 0;
  for (let i = 0; i <= INDEX_DIGITS; i++) {
    const byte = bytes[at + i] ?? 0;
    const digit = byte - DIGIT_ZERO;
    if (digit < 0 || digit > 9) {
      const canonical = i === 1 || (i > 1 && bytes[at] !== DIGIT_ZERO);
      const ended = byte === COMMA || byte === CLOSE_BRACE;
      return canonical && ended && Number.isSafeInteger(value) ? value : -1;
    }
    value = value * 10 + digit;
  }
  return -1;
}

/** Past the string whose opening quote is at `at`: the place of its closing quote, or `end`. */
function closingQuote(bytes: Uint8Array, at: number, end: number): number {
  let i = at + 1;
  while (i < end && bytes[i] !== QUOTE) i += bytes[i] === BACKSLASH ? 2 : 1;
  return Math.min(i, end);
}

/** `undefined` when `bytes[start, end)` is not one object that ends there, or a field is absent, doubled or malformed. */
export function scanFields(bytes: Uint8Array, start: number, end: number): ChainFields | undefined {
  if (bytes[start] !== OPEN_BRACE) return undefined;
  let index = -1;
  let prevStart = -1;
  let level = 0;
  for (let i = start; i < end; i++) {
    const byte = bytes[i] ?? 0;
    if (byte === QUOTE) {
      const name = i + 1;
      i = closingQuote(bytes, i, end);
      if (level !== 1 || i + 1 >= end || bytes[i + 1] !== COLON) continue;
      if (i - name === INDEX.length && startsWith(bytes, name, INDEX)) {
        if (index >= 0) return undefined;
        index = decimalAt(bytes, i + 2);
        if (index < 0) return undefined;
      } else if (i - name === PREV.length && startsWith(bytes, name, PREV)) {
        if (prevStart >= 0) return undefined;
        prevStart = i + 3;
        if (bytes[i + 2] !== QUOTE || bytes[prevStart + PREV_CHARS] !== QUOTE) return undefined;
      }
    } else if (byte >= OPEN_BRACKET) {
      if ((byte | BRACE_BIT) === OPEN_BRACE) level++;
      else if ((byte | BRACE_BIT) === CLOSE_BRACE && --level === 0)
        return i === end - 1 && index >= 0 && prevStart >= 0 ? { index, prevStart } : undefined;
    }
  }
  return undefined;
}

/** Brackets opened less closed outside strings in [from, to), or `UNTOLD`; `from` is outside strings. */
export type Nesting = (from: number, to: number) => number;

/** `Nesting` over `bytes` without WebAssembly. */
export function nestingIn(bytes: Uint8Array): Nesting {
  return (from, to) => {
    let level = 0;
    for (let i = from; i < to; i++) {
      const byte = bytes[i] ?? 0;
      if (byte === QUOTE) {
        i = closingQuote(bytes, i, to);
        if (i >= to) return UNTOLD;
      } else if ((byte | BRACE_BIT) === OPEN_BRACE) level++;
      else if ((byte | BRACE_BIT) === CLOSE_BRACE) level--;
    }
    return level;
  };
}

/** As many shapes of entries as usually alternate in a log. */
const REMEMBERED = 16;

/** Remembers distances, the latest first found again first. */
function createDistances(): { readonly all: readonly number[]; remember(distance: number): void } {
  const all: number[] = [];
  return {
    all,
    remember(distance) {
      if (all.includes(distance)) return;
      if (all.length === REMEMBERED) all.pop();
      all.unshift(distance);
    },
  };
}

export type FieldScanner = (start: number, end: number) => ChainFields | undefined;

/**
 * A scanner over one buffer that remembers where the members stood in entries before: `prev` from the end, `index` from
 * `prev`. Found there again, only what follows is looked at, and only for its nesting. An unescaped `,"index":` is
 * inside no string; it is at the top level exactly when the rest closes one bracket more than it opens.
 */
export function createFieldScanner(bytes: Uint8Array, nesting: Nesting = nestingIn(bytes)): FieldScanner {
  const tails = createDistances();
  const gaps = createDistances();

  function remembered(start: number, end: number): ChainFields | undefined {
    for (const tail of tails.all) {
      const prevAt = end - tail;
      if (prevAt <= start || bytes[prevAt] !== COMMA || !startsWith(bytes, prevAt, PREV_MEMBER)) continue;
      const prevStart = prevAt + PREV_MEMBER.length;
      if (bytes[prevStart + PREV_CHARS] !== QUOTE || nesting(prevAt, end) !== -1) continue;
      for (const gap of gaps.all) {
        const indexAt = prevAt - gap;
        if (indexAt <= start || bytes[indexAt] !== COMMA || !startsWith(bytes, indexAt, INDEX_MEMBER))
          continue;
        const index = decimalAt(bytes, indexAt + INDEX_MEMBER.length);
        if (index >= 0 && nesting(indexAt, prevAt) === 0) return { index, prevStart };
      }
    }
    return undefined;
  }

  function remember({ prevStart }: ChainFields, start: number, end: number): void {
    const prevAt = prevStart - PREV_MEMBER.length;
    let indexAt = prevAt;
    do indexAt--;
    while (indexAt > start && !(bytes[indexAt] === COMMA && startsWith(bytes, indexAt, INDEX_MEMBER)));
    tails.remember(end - prevAt);
    if (indexAt > start) gaps.remember(prevAt - indexAt);
  }

  return (start, end) => {
    if (bytes[start] !== OPEN_BRACE || bytes[end - 1] !== CLOSE_BRACE) return undefined;
    const found = remembered(start, end);
    if (found !== undefined) return found;
    const scanned = scanFields(bytes, start, end);
    if (scanned !== undefined) remember(scanned, start, end);
    return scanned;
  };
}
