/**
 * A stream of bytes cut into lines, the end of each included. What is kept is bounded: a line beyond `limit` is handed on
 * in pieces as they come, and whoever takes them is told when it ends. Joined, what is handed on is what came, byte for
 * byte.
 */
export interface LineSink {
  /** A whole line with its "\n"; the last one of a stream may have none. */
  line(bytes: Buffer): void;
  /** A piece of a line that is longer than the limit. */
  piece(bytes: Buffer, at: { readonly first: boolean; readonly last: boolean }): void;
}

export interface LineCutter {
  push(chunk: Buffer): void;
  /** The stream has ended: what is left is the last line. */
  end(): void;
  /** Bytes of a line that has begun and not ended. */
  held(): number;
}

const LF = 0x0a;

/** Costs one pass over the bytes, however they are cut into chunks. */
export function createLineCutter(limit: number, sink: LineSink): LineCutter {
  let parts: Buffer[] = [];
  let held = 0;
  let inLong = false;

  function take(): Buffer {
    const [only] = parts;
    const whole = parts.length === 1 && only !== undefined ? only : Buffer.concat(parts);
    parts = [];
    held = 0;
    return whole;
  }

  function part(bytes: Buffer, ends: boolean): void {
    if (inLong) {
      inLong = !ends;
      if (bytes.length > 0 || ends) sink.piece(bytes, { first: false, last: ends });
      return;
    }
    if (bytes.length > 0) parts.push(bytes);
    held += bytes.length;
    if (held > limit) {
      inLong = !ends;
      sink.piece(take(), { first: true, last: ends });
    } else if (ends && held > 0) sink.line(take());
  }

  return {
    push(chunk) {
      let from = 0;
      for (let at = chunk.indexOf(LF); at !== -1; at = chunk.indexOf(LF, from)) {
        part(chunk.subarray(from, at + 1), true);
        from = at + 1;
      }
      if (from < chunk.length) part(chunk.subarray(from), false);
    },
    end() {
      part(Buffer.alloc(0), true);
    },
    held: () => held,
  };
}
