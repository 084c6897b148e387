/**
 * Cuts a stream of bytes into records: lines, or rows of CSV, in which a quoted cell may hold line ends. Flat in memory:
 * a record over `longest` is given without its bytes, and the next one begins at the line end after it.
 */
const NEWLINE = 0x0a;
const RETURN = 0x0d;
const QUOTE = 0x22;

export interface RawRecord {
  /** Of its first and its last line, from 1. */
  readonly line: number;
  readonly last: number;
  /** Without its line end; undefined for one that is too long. Its own copy. */
  readonly bytes: Buffer | undefined;
}

export interface RecordSplitter {
  push(chunk: Uint8Array): readonly RawRecord[];
  /** The last record, when the file does not end with a line end. */
  end(): readonly RawRecord[];
}

export function createRecordSplitter(longest: number, quoted: boolean): RecordSplitter {
  let parts: Buffer[] = [];
  let held = 0;
  let tooLong = false;
  let inQuotes = false;
  /** Lines that ended so far, and the one the record began in. */
  let ended = 0;
  let first = 1;

  function hold(piece: Buffer): void {
    held += piece.length;
    tooLong ||= held > longest;
    if (tooLong) parts = [];
    else if (piece.length > 0) parts.push(Buffer.from(piece));
  }

  function finish(): RawRecord {
    const all = parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts);
    const bytes = all.at(-1) === RETURN ? all.subarray(0, -1) : all;
    const record = { line: first, last: Math.max(first, ended), bytes: tooLong ? undefined : bytes };
    parts = [];
    held = 0;
    tooLong = false;
    inQuotes = false;
    first = ended + 1;
    return record;
  }

  /** A quote inside of a quoted cell is doubled, so every quote turns the state over and back. */
  function turnOver(piece: Buffer): void {
    for (let at = piece.indexOf(QUOTE); at !== -1; at = piece.indexOf(QUOTE, at + 1)) inQuotes = !inQuotes;
  }

  return {
    push(chunk) {
      const block = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      const found: RawRecord[] = [];
      /** Where the record, and where the line of it that is looked at, begins in this block. */
      let start = 0;
      let from = 0;
      for (let end = block.indexOf(NEWLINE); end !== -1; end = block.indexOf(NEWLINE, from)) {
        if (quoted) turnOver(block.subarray(from, end));
        ended++;
        from = end + 1;
        // One that grew too long is over here, whatever its quotes say: an open quote must not swallow the rest.
        if (inQuotes && held + end - start <= longest) continue;
        hold(block.subarray(start, end));
        found.push(finish());
        start = from;
      }
      if (quoted) turnOver(block.subarray(from));
      hold(block.subarray(start));
      return found;
    },
    end() {
      if (held === 0) return [];
      ended++;
      return [finish()];
    },
  };
}
