/**
 * Finds many byte strings in one pass. Only every n-th place of the text is looked at: every pattern is long enough to
 * hold a block of four bytes at one of these places, so a bit set over hashes of all such blocks says where to look
 * closer. The looks do not depend on each other, which keeps the processor busy; a chance hit costs a comparison,
 * never a wrong answer.
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

/** A pattern that has a certain block `offset` bytes behind its start. */
interface Candidate {
  readonly pattern: Pattern;
  readonly offset: number;
}

/** Bytes of a block. Every pattern is at least this long. */
const BLOCK = 4;
/** Longer steps save nothing more. */
const MAX_STEP = 64;
/** Blocks of all patterns together; bounds the size of the tables and the time to make them. */
const MAX_BLOCKS = 65_536;
/** Bits for each block: one bit in sixteen is set at most, so one look in sixteen is in vain. */
const SPARSE = 16;
const MIN_BITS = 12;
/** Looks between two decisions. */
const TOGETHER = 8;
/** Knuth's multiplier: spreads neighbouring values over the whole range. */
const SPREAD = 0x9e3779b1;

/** `mostStep`: 1 makes tables that are soon made and search slowly. */
export function createMatcher(given: readonly Pattern[], mostStep = MAX_STEP): Matcher {
  const patterns = distinct(given);
  if (patterns.length === 0)
    return { longest: 0, find: () => undefined, firstOpen: (_view, _from, end) => end };

  const shortest = patterns.reduce((least, pattern) => Math.min(least, pattern.bytes.length), Infinity);
  const longest = patterns.reduce((most, pattern) => Math.max(most, pattern.bytes.length), 0);
  invariant(shortest >= BLOCK, 'patterns have at least four bytes');
  // A pattern that starts anywhere between two looks has a block at the second one.
  const step = Math.max(
    1,
    Math.min(mostStep, shortest - BLOCK + 1, Math.floor(MAX_BLOCKS / patterns.length)),
  );
  const drop = 32 - Math.max(MIN_BITS, Math.ceil(Math.log2(patterns.length * step * SPARSE)));
  const blocks = new Int32Array(2 ** (32 - drop - 5));
  const starts = new Int32Array(blocks.length);
  const byBlock = new Map<number, Candidate[]>();
  const byStart = new Map<number, Pattern[]>();
  /** Beginnings of one to three bytes. */
  const stubs = new Set<number>();
  for (const pattern of patterns) {
    const view = viewOf(pattern.bytes);
    for (let offset = 0; offset < step; offset++) {
      const block = view.getInt32(offset, true);
      mark(blocks, Math.imul(block, SPREAD) >>> drop);
      push(byBlock, block, { pattern, offset });
    }
    const first = view.getInt32(0, true);
    mark(starts, Math.imul(first, SPREAD) >>> drop);
    push(byStart, first, pattern);
    for (let length = 1; length < BLOCK; length++) stubs.add(stub(view, 0, length));
  }
  // The first start first, and of equal starts the longest. The sort is stable: equal patterns keep their order.
  for (const list of byBlock.values()) {
    list.sort((a, b) => b.offset - a.offset || b.pattern.bytes.length - a.pattern.bytes.length);
  }

  const hit: Hit = { start: 0, end: 0, name: '' };

  /** Whether a pattern stands around the block at `at`. */
  function look(view: DataView, at: number, before: number, end: number): boolean {
    const list = byBlock.get(view.getInt32(at, true));
    if (list === undefined) return false;
    for (const { pattern, offset } of list) {
      const start = at - offset;
      const stop = start + pattern.bytes.length;
      if (start >= before || stop > end || !equalAt(view, start, pattern.bytes, pattern.bytes.length))
        continue;
      hit.start = start;
      hit.end = stop;
      hit.name = pattern.name;
      return true;
    }
    return false;
  }

  return {
    longest,
    find(view, from, before, end) {
      const stop = Math.min(before + step - 1, end - BLOCK + 1);
      const leap = step * TOGETHER;
      let at = from + step - 1;
      while (at < stop) {
        // Several looks, one decision: a branch for each would cost three times as much.
        for (; at + leap <= stop; at += leap) {
          let any = 0;
          for (let place = at; place < at + leap; place += step) {
            const slot = Math.imul(view.getInt32(place, true), SPREAD) >>> drop;
            any |= (blocks[slot >>> 5] as number) >>> slot;
          }
          if ((any & 1) !== 0) break;
        }
        for (const until = Math.min(stop, at + leap); at < until; at += step) {
          const slot = Math.imul(view.getInt32(at, true), SPREAD) >>> drop;
          if ((((blocks[slot >>> 5] as number) >>> slot) & 1) !== 0 && look(view, at, before, end))
            return hit;
        }
      }
      return undefined;
    },
    firstOpen(view, from, end) {
      let at = Math.max(from, end - longest + 1);
      for (; at + BLOCK <= end; at++) {
        const block = view.getInt32(at, true);
        const slot = Math.imul(block, SPREAD) >>> drop;
        if ((((starts[slot >>> 5] as number) >>> slot) & 1) === 0) continue;
        const length = end - at;
        const open = byStart
          .get(block)
          ?.some(({ bytes }) => bytes.length > length && equalAt(view, at, bytes, length));
        if (open === true) return at;
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

function push<T>(map: Map<number, T[]>, key: number, item: T): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [item]);
  else list.push(item);
}

function mark(bits: Int32Array, slot: number): void {
  bits[slot >>> 5] = (bits[slot >>> 5] ?? 0) | (1 << slot);
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
