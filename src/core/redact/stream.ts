/**
 * Takes exact values out of a stream of bytes, whatever its chunks: a value that is split anywhere is found all the
 * same. Only bytes that may be the beginning of a value wait for the next chunk, so server-sent events pass at once.
 *
 * The result does not depend on the chunks. Positions are decided from left to right; one is decided as soon as no
 * value that starts there can still be completed. Values that overlap leave one marker, with the name of the first.
 */
import { encodeUtf8 } from '../bytes.ts';
import { type Matcher, viewOf } from './matcher.ts';
import { type Counts, countHit, markerOf, newCounts } from './rules.ts';

export interface Scrubber {
  /**
   * What can be passed on now; may be empty. The chunk itself is given back when nothing in it was replaced or held
   * back, so it must not be changed afterwards. At most `longest pattern - 1` bytes are held back.
   */
  push(chunk: Uint8Array): Uint8Array;
  /** The rest, at the end of the stream. The scrubber is then as new, but for its counts. */
  flush(): Uint8Array;
  /** Replaced so far, by name. */
  readonly counts: Readonly<Counts>;
}

const NOTHING = new Uint8Array(0);

export function createScrubber(matcher: Matcher): Scrubber {
  const counts = newCounts();
  /** Undecided bytes. */
  let held = NOTHING;
  /** How many of the held bytes belong to a value whose marker went out already. */
  let covered = 0;

  function decide(bytes: Uint8Array, atEnd: boolean): Uint8Array {
    const view = viewOf(bytes);
    const end = bytes.length;
    const open = atEnd ? end : matcher.firstOpen(view, 0, end);
    const pieces: Uint8Array[] = [];
    let kept = covered;
    for (
      let hit = matcher.find(view, 0, open, end);
      hit !== undefined;
      hit = matcher.find(view, hit.start + 1, open, end)
    ) {
      if (hit.start >= kept) {
        pieces.push(bytes.subarray(kept, hit.start), encodeUtf8(markerOf(hit.name)));
        countHit(counts, hit.name);
      }
      kept = Math.max(kept, hit.end);
    }
    const untouched = kept === 0 && open === end;
    if (kept < open) pieces.push(bytes.subarray(kept, open));
    // A copy: the caller's chunk may be large, and what is held may be secret.
    held = open === end ? NOTHING : new Uint8Array(bytes.subarray(open));
    covered = Math.max(0, Math.min(kept, end) - open);
    return untouched ? bytes : Buffer.concat(pieces);
  }

  return {
    counts,
    push(chunk) {
      if (chunk.length === 0) return NOTHING;
      return decide(held.length === 0 ? chunk : Buffer.concat([held, chunk]), false);
    },
    flush() {
      const rest = decide(held, true);
      covered = 0;
      return rest;
    },
  };
}
