/**
 * Finds many byte strings in one pass (Wu and Manber, 1994): a table indexed by a hash of four bytes says how far the
 * window may move, so most bytes are never looked at, however many patterns there are. On 2^n-sized tables a false hit
 * costs one comparison, never a wrong answer.
 *
 * Patterns are secret values, so nothing here prints them.
 */
import { invariant } from '../error.ts';

export interface Pattern {
  readonly bytes: Uint8Array;
  readonly name: string;
}

/** Where the last `find` hit. One object per matcher, overwritten by the next call. */
export interface Hit {
  start: number;
  end: number;
  name: string;
}

export interface Matcher {
  /** Bytes of the longest pattern; 0 when there are none. */
  readonly longest: number;
  /**
   * The first start in [from, before) at which a pattern stands whole within [from, end), with the longest pattern that
   * starts there (of equal ones, the first given). Undefined: none.
   */
  find(view: DataView, from: number, before: number, end: number): Hit | undefined;
  /**
   * The first start in [from, end) from which the bytes up to `end` are a proper beginning of a pattern, so that more
   * input could complete it; `end` when there is none.
   */
  firstOpen(view: DataView, from: number, end: number): number;
}

/** Bytes hashed at once. Every pattern is at least this long. */
export const BLOCK = 4;
const MIN_BITS = 12;
/** 256 KiB: larger tables fall out of the second-level cache. */
const MAX_BITS = 18;
/** Slots for each block of a small set of patterns: fewer chance hits. */
const SPARSE = 4;
/** The table of a large set may fill up to this: longer steps are worth more than fewer chance hits. */
const DENSE = 1.5;
const MAX_SHIFT = 255;

export function createMatcher(given: readonly Pattern[]): Matcher {
  const patterns = distinct(given);
  if (patterns.length === 0)
    return { longest: 0, find: () => undefined, firstOpen: (_view, _from, end) => end };

  const shortest = patterns.reduce((least, pattern) => Math.min(least, pattern.bytes.length), Infinity);
  invariant(shortest >= BLOCK, 'patterns have at least four bytes');
  const longest = patterns.reduce((most, pattern) => Math.max(most, pattern.bytes.length), 0);
  // A longer window allows longer steps, until its blocks crowd the table.
  const blocks = Math.max(1, Math.floor(2 ** MAX_BITS / DENSE / patterns.length));
  const window = Math.min(shortest, BLOCK - 1 + Math.min(blocks, MAX_SHIFT));
  const last = window - BLOCK;
  const bits = clamp(Math.ceil(Math.log2(patterns.length * (last + 1) * SPARSE)), MIN_BITS, MAX_BITS);
  const drop = 32 - bits;
  const slot = (block: number): number => Math.imul(block, 0x9e3779b1) >>> drop;

  const shifts = new Uint8Array(2 ** bits).fill(last + 1);
  /** Patterns by the last block of their window, and by their first block. */
  const byWindow = new Map<number, Pattern[]>();
  const byStart = new Map<number, Pattern[]>();
  /** Slots that some pattern's first block has; and beginnings of one to three bytes. */
  const starts = new Uint8Array(2 ** bits);
  const stubs = new Set<number>();
  for (const pattern of patterns) {
    const view = viewOf(pattern.bytes);
    for (let at = 0; at <= last; at++) {
      const index = slot(view.getInt32(at, true));
      shifts[index] = Math.min(shifts[index] ?? 0, last - at);
    }
    push(byWindow, view.getInt32(last, true), pattern);
    const first = view.getInt32(0, true);
    push(byStart, first, pattern);
    starts[slot(first)] = 1;
    for (let length = 1; length < BLOCK; length++) stubs.add(stub(view, 0, length));
  }
  // Longest first, so that the first that matches is the answer. The sort is stable: equal ones keep their order.
  for (const list of byWindow.values()) list.sort((a, b) => b.bytes.length - a.bytes.length);

  const hit: Hit = { start: 0, end: 0, name: '' };
  return {
    longest,
    find(view, from, before, end) {
      const stop = Math.min(before - 1, end - window);
      let at = from;
      while (at <= stop) {
        const block = view.getInt32(at + last, true);
        const shift = shifts[Math.imul(block, 0x9e3779b1) >>> drop] as number;
        if (shift !== 0) {
          at += shift;
          continue;
        }
        const list = byWindow.get(block);
        if (list !== undefined) {
          for (const pattern of list) {
            const length = pattern.bytes.length;
            if (at + length > end || !equalAt(view, at, pattern.bytes, length)) continue;
            hit.start = at;
            hit.end = at + length;
            hit.name = pattern.name;
            return hit;
          }
        }
        at++;
      }
      return undefined;
    },
    firstOpen(view, from, end) {
      let at = Math.max(from, end - longest + 1);
      for (; at + BLOCK <= end; at++) {
        const block = view.getInt32(at, true);
        if (starts[slot(block)] === 0) continue;
        const list = byStart.get(block);
        if (list === undefined) continue;
        const length = end - at;
        if (list.some(({ bytes }) => bytes.length > length && equalAt(view, at, bytes, length))) return at;
      }
      for (; at < end; at++) if (stubs.has(stub(view, at, end - at))) return at;
      return end;
    },
  };
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function distinct(patterns: readonly Pattern[]): readonly Pattern[] {
  const seen = new Map<string, Pattern>();
  for (const pattern of patterns) {
    const key = Buffer.from(pattern.bytes).toString('latin1');
    if (!seen.has(key)) seen.set(key, pattern);
  }
  return [...seen.values()];
}

function push(map: Map<number, Pattern[]>, key: number, pattern: Pattern): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [pattern]);
  else list.push(pattern);
}

/** The last byte first: keys of one vendor begin alike. */
function equalAt(view: DataView, at: number, bytes: Uint8Array, length: number): boolean {
  if (view.getUint8(at + length - 1) !== bytes[length - 1]) return false;
  for (let i = 0; i < length; i++) if (view.getUint8(at + i) !== bytes[i]) return false;
  return true;
}

/** Up to three bytes and their number in one integer. */
function stub(view: DataView, at: number, length: number): number {
  let value = length;
  for (let i = 0; i < length; i++) value = value * 256 + view.getUint8(at + i);
  return value;
}

function clamp(value: number, least: number, most: number): number {
  return Math.max(least, Math.min(most, value));
}
