/** Cuts raw blocks into lines. */
import { byteFinder } from '../bytes.ts';
import { invariant } from '../error.ts';
import { LIMITS } from '../limits.ts';
import { KERNEL_SLACK, KERNEL_START } from '../wasm/kernel.ts';

const NEWLINE = 0x0a;

/** Where a splitter works: room for the longest line and for what is read at once, small enough for a CPU's cache. */
export const LINE_SPACE_BYTES = 6 * 65_536;
/** One byte is kept in front of the first line, for the prefix of its leaf hash. */
const START = KERNEL_START + 1;

export interface LineSink {
  /**
   * `space[start, end)` is a line of at most `LIMITS.entryBytes`; `start` ≥ 1, and the byte before it may be
   * overwritten. The bytes are valid during the call only.
   */
  line(space: Uint8Array, start: number, end: number): void;
  /** A line that is longer. Its bytes are not kept. */
  tooLong(): void;
}

export interface LineSplitter {
  /** `block` is copied piece by piece and not altered. */
  push(block: Uint8Array): void;
  /** Bytes since the last newline. */
  readonly open: number;
}

/** Memory: `space`, whatever the blocks hold. Lines end with "\n" only: a "\r" belongs to the line. */
export function createLineSplitter(
  sink: LineSink,
  space: Uint8Array = new Uint8Array(LINE_SPACE_BYTES),
): LineSplitter {
  const room = space.length - KERNEL_SLACK;
  invariant(room - START > LIMITS.entryBytes, 'the longest line fits the space');
  /** space[START, filled) is an unfinished line. */
  let filled = START;
  /** Bytes of that line that were let go, once it was too long. */
  let dropped = 0;

  /** Hands on the lines that end in space[from, to); what is left moves to the front. */
  function drain(from: number, to: number): void {
    const find = byteFinder(space.subarray(0, to), NEWLINE);
    let start = START;
    for (let end = find(from); end >= 0; end = find(start)) {
      if (dropped > 0 || end - start > LIMITS.entryBytes) sink.tooLong();
      else sink.line(space, start, end);
      dropped = 0;
      start = end + 1;
    }
    const rest = to - start;
    if (dropped > 0 || rest > LIMITS.entryBytes) {
      dropped += rest;
      filled = START;
    } else {
      space.copyWithin(START, start, to);
      filled = START + rest;
    }
  }

  return {
    get open() {
      return dropped + filled - START;
    },
    push(block) {
      for (let at = 0; at < block.length; ) {
        const piece = block.subarray(at, at + room - filled);
        space.set(piece, filled);
        at += piece.length;
        drain(filled, filled + piece.length);
      }
    },
  };
}
