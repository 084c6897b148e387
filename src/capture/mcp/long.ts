/**
 * A message that is too long to be read: its length, its hash, and its id where that stands plainly at the beginning or
 * at the end, which is where programs write it. Nothing else of it is known.
 */
import { createHash } from 'node:crypto';
import type { Id } from './message.ts';

export interface LongMessage {
  readonly bytes: number;
  /** Hex of SHA-256, without the end of the line. */
  readonly sha256: string;
  readonly id: Id | undefined;
}

export interface LongReader {
  push(piece: Buffer): void;
  end(): LongMessage;
}

const EDGE = 1_024;
const VALUE = '("(?:[^"\\\\]){1,256}"|-?\\d{1,15})';
const FIRST = new RegExp(`^\\s*\\{\\s*(?:"jsonrpc"\\s*:\\s*"2\\.0"\\s*,\\s*)?"id"\\s*:\\s*${VALUE}\\s*,`);
/** The member before the last brace is one of the message itself. */
const LAST = new RegExp(`"id"\\s*:\\s*${VALUE}\\s*(?:,\\s*"jsonrpc"\\s*:\\s*"2\\.0"\\s*)?\\}\\s*$`);

export function createLongReader(): LongReader {
  const hash = createHash('sha256');
  let bytes = 0;
  let head = '';
  let tail = Buffer.alloc(0);

  return {
    push(piece) {
      bytes += piece.length;
      if (head.length < EDGE) head += piece.toString('latin1', 0, EDGE - head.length);
      const both = Buffer.concat([tail, piece]);
      const keep = Math.min(both.length, EDGE);
      // The end of a line may still be in what is kept.
      hash.update(both.subarray(0, both.length - keep));
      tail = both.subarray(both.length - keep);
    },
    end() {
      const text = tail.toString('latin1');
      const end = text.endsWith('\r\n') ? 2 : text.endsWith('\n') ? 1 : 0;
      hash.update(tail.subarray(0, tail.length - end));
      const found = (FIRST.exec(head) ?? LAST.exec(text))?.[1];
      return {
        bytes: bytes - end,
        sha256: hash.digest('hex'),
        id: found === undefined ? undefined : (JSON.parse(found) as Id),
      };
    },
  };
}
