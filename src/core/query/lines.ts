/** Cuts raw blocks into lines, each once, flat in memory. */
const NEWLINE = 0x0a;

export interface LineSplitter {
  /** A last line without a newline is not given: it is not written yet. */
  push(block: Uint8Array): void;
}

/** `onLine` is called in the order of the log; the bytes are valid during the call. A line over `longest` is given empty. */
export function createLineSplitter(longest: number, onLine: (line: Buffer) => void): LineSplitter {
  let carry: Buffer = Buffer.alloc(0);
  let tooLong = false;

  function hold(rest: Buffer): void {
    tooLong ||= carry.length + rest.length > longest;
    carry = tooLong ? Buffer.alloc(0) : Buffer.concat([carry, rest]);
  }

  return {
    push(raw) {
      const block = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength);
      let start = 0;
      for (let end = block.indexOf(NEWLINE); end !== -1; end = block.indexOf(NEWLINE, start)) {
        if (carry.length === 0 && !tooLong)
          onLine(end - start > longest ? carry : block.subarray(start, end));
        else {
          hold(block.subarray(start, end));
          onLine(carry);
          carry = Buffer.alloc(0);
          tooLong = false;
        }
        start = end + 1;
      }
      hold(block.subarray(start));
    },
  };
}
