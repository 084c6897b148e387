/** Exact values out of one text. */
import type { Matcher } from './matcher.ts';
import { type Counts, countHit, markerOf } from './rules.ts';

/** The reused working buffer; longer texts get one of their own. */
const SCRATCH_BYTES = 256 * 1024;
/** A UTF-16 unit becomes at most three bytes of UTF-8. */
const MOST_BYTES_PER_UNIT = 3;

export interface Utf8 {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly length: number;
}

/** Turns text into bytes without allocating. The bytes are good until the next call; `wipe` clears them. */
export interface Scratch {
  encode(text: string): Utf8;
  wipe(): void;
}

export function createScratch(): Scratch {
  const encoder = new TextEncoder();
  const bytes = new Uint8Array(SCRATCH_BYTES);
  const utf8 = { bytes, view: new DataView(bytes.buffer), length: 0 };
  return {
    encode(text) {
      if (text.length * MOST_BYTES_PER_UNIT > SCRATCH_BYTES) {
        const own = encoder.encode(text);
        return {
          bytes: own,
          view: new DataView(own.buffer, own.byteOffset, own.byteLength),
          length: own.length,
        };
      }
      utf8.length = encoder.encodeInto(text, bytes).written;
      return utf8;
    },
    wipe() {
      bytes.fill(0, 0, utf8.length);
    },
  };
}

/**
 * The text with every exact value replaced. Values that overlap become one marker with the name of the first. A text
 * without any is returned as it is; in one with some, lone surrogates become U+FFFD.
 */
export function replaceExact(text: string, matcher: Matcher, scratch: Scratch, counts: Counts): string {
  const { bytes, view, length } = scratch.encode(text);
  let hit = matcher.find(view, 0, length, length);
  if (hit === undefined) return text;
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  let result = '';
  let kept = 0;
  while (hit !== undefined) {
    // An overlapping hit only makes the gap longer.
    if (hit.start >= kept) {
      result += decoder.decode(bytes.subarray(kept, hit.start)) + markerOf(hit.name);
      countHit(counts, hit.name);
    }
    kept = Math.max(kept, hit.end);
    hit = matcher.find(view, hit.start + 1, length, length);
  }
  return result + decoder.decode(bytes.subarray(kept, length));
}
