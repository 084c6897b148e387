/** Cuts raw blocks into lines without copying them, apart from the one line that straddles two blocks. */
import { byteFinder } from '../bytes.ts';
import { LIMITS } from '../limits.ts';

const NEWLINE = 0x0a;

export interface LineSink {
  /** `block[start, end)` is a line of at most `LIMITS.entryBytes`; `start` ≥ 1, and the byte before may be overwritten. */
  line(block: Uint8Array, start: number, end: number): void;
  /** A line that is longer. Its bytes are not kept. */
  tooLong(): void;
}

export interface LineSplitter {
  push(block: Uint8Array): void;
  /** Bytes since the last newline. */
  readonly open: number;
}

/** Memory: one line, whatever the blocks hold. Lines end with "\n" only: a "\r" belongs to the line. */
export function createLineSplitter(sink: LineSink): LineSplitter {
  // One byte in front for the prefix of the leaf hash.
  const carry = new Uint8Array(1 + LIMITS.entryBytes);
  let carried = 0;

  function keep(bytes: Uint8Array): void {
    if (carried + bytes.length <= LIMITS.entryBytes) carry.set(bytes, 1 + carried);
    carried += bytes.length;
  }

  return {
    get open() {
      return carried;
    },
    push(block) {
      const find = byteFinder(block, NEWLINE);
      let end = find(0);
      if (end < 0) {
        keep(block);
        return;
      }
      // The first line always goes through the carry: there is no byte before the block to overwrite.
      keep(block.subarray(0, end));
      if (carried > LIMITS.entryBytes) sink.tooLong();
      else sink.line(carry, 1, 1 + carried);
      carried = 0;
      let start = end + 1;
      for (end = find(start); end >= 0; end = find(start)) {
        if (end - start > LIMITS.entryBytes) sink.tooLong();
        else sink.line(block, start, end);
        start = end + 1;
      }
      keep(block.subarray(start));
    },
  };
}
