/** Cuts raw blocks into lines, each once, flat in memory. */
const NEWLINE = 0x0a;

export interface LineSplitter {
  /** A last line without a newline is not given: it is not written yet. */
  push(block: Uint8Array): void;
}

/**
 * `onLine` is called in the order of the log; the bytes are valid during the call. A line over `longest` is given empty.
 * `length`: what the line takes in the file, with its newline.
 */
export function createLineSplitter(
  longest: number,
  onLine: (line: Buffer, length: number) => void,
): LineSplitter {
  let carry: Buffer = Buffer.alloc(0);
  let tooLong = false;
  /** Of the line that is being carried. */
  let carried = 0;

  function hold(rest: Buffer): void {
    carried += rest.length;
    tooLong ||= carry.length + rest.length > longest;
    carry = tooLong ? Buffer.alloc(0) : Buffer.concat([carry, rest]);
  }

  return {
    push(raw) {
      const block = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength);
      let start = 0;
      for (let end = block.indexOf(NEWLINE); end !== -1; end = block.indexOf(NEWLINE, start)) {
        if (carry.length === 0 && !tooLong)
          onLine(end - start > longest ? carry : block.subarray(start, end), end + 1 - start);
        else {
          hold(block.subarray(start, end));
          onLine(carry, carried + 1);
          carry = Buffer.alloc(0);
          carried = 0;
          tooLong = false;
        }
        start = end + 1;
      }
      hold(block.subarray(start));
    },
  };
}
