/** Finds, in raw blocks cut anywhere, the few lines that contain some bytes, at the price of one search a block. */
const NEWLINE = 0x0a;

export interface MentionFinder {
  /** A last line without a newline is not looked at: it is not written yet. */
  push(block: Uint8Array): void;
}

/** `onLine` is called in the order of the log; the bytes are valid during the call. */
export function createMentionFinder(
  needle: Buffer,
  longestLine: number,
  onLine: (line: Buffer) => void,
): MentionFinder {
  let carry: Buffer = Buffer.alloc(0);
  let tooLong = false;

  function look(line: Buffer): void {
    if (line.includes(needle)) onLine(line);
  }

  return {
    push(raw) {
      const block = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength);
      const end = block.indexOf(NEWLINE);
      const head = end === -1 ? block : block.subarray(0, end);
      tooLong ||= carry.length + head.length > longestLine;
      if (end === -1) {
        carry = tooLong ? Buffer.alloc(0) : Buffer.concat([carry, head]);
        return;
      }
      if (!tooLong) look(Buffer.concat([carry, head]));
      for (let at = block.indexOf(needle, end + 1); at !== -1; ) {
        const start = block.lastIndexOf(NEWLINE, at) + 1;
        const stop = block.indexOf(NEWLINE, at);
        if (stop === -1) break;
        look(block.subarray(start, stop));
        at = block.indexOf(needle, stop);
      }
      carry = Buffer.from(block.subarray(block.lastIndexOf(NEWLINE) + 1));
      tooLong = carry.length > longestLine;
      if (tooLong) carry = Buffer.alloc(0);
    },
  };
}
