/**
 * Server-sent events (HTML, section 9.2) of entries: `id:` is the index, `data:` the stored bytes. What is framed for one
 * subscriber can be sent to every other one with the same filter.
 */
import type { Interruption } from './interruptions.ts';

export interface Frames {
  entry(index: number, line: Buffer): void;
  /** `id`: what a client that comes back says it has. */
  event(name: string, data: unknown, id?: number): void;
  interruption(told: Interruption): void;
  readonly length: number;
  /** Everything since the last call. */
  take(): Buffer;
}

/** "id: ", an index, "\ndata: ", and two newlines. */
const ENTRY_OVERHEAD = 4 + 16 + 7 + 2;
const NEWLINE = 0x0a;

export function createFrames(size = 4_096): Frames {
  let buffer = Buffer.allocUnsafe(size);
  let end = 0;

  function room(bytes: number): void {
    if (end + bytes <= buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(end + bytes, buffer.length * 2));
    buffer.copy(larger, 0, 0, end);
    buffer = larger;
  }

  function event(name: string, data: unknown, id?: number): void {
    const text = `${id === undefined ? '' : `id: ${id}\n`}event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
    room(Buffer.byteLength(text));
    end += buffer.write(text, end);
  }

  return {
    event,
    entry(index, line) {
      room(line.length + ENTRY_OVERHEAD);
      end += buffer.write(`id: ${index}\ndata: `, end, 'latin1');
      end += line.copy(buffer, end);
      buffer[end++] = NEWLINE;
      buffer[end++] = NEWLINE;
    },
    interruption(told) {
      // What is not there was passed over: whoever comes back goes on behind it.
      const passed = told.kind === 'missing' || told.kind === 'damaged' ? told.to - 1 : undefined;
      event('gap', told, passed);
    },
    get length() {
      return end;
    },
    take() {
      const taken = buffer.subarray(0, end);
      buffer = Buffer.allocUnsafe(size);
      end = 0;
      return taken;
    },
  };
}

/** Keeps a quiet connection open, and moves on the id of a client whose filter lets nothing through. */
export function heartbeat(last: number): Buffer {
  return Buffer.from(last < 0 ? ':\n\n' : `:\nid: ${last}\n\n`);
}

/** How long a client waits before it comes back. */
export function retryAfter(ms: number): Buffer {
  return Buffer.from(`retry: ${ms}\n\n`);
}
