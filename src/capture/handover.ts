/** The client's side of the hand-over socket. */
import { writeSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { TallyError } from '../core/error.ts';
import { LIMITS } from '../core/limits.ts';
import { errorFromWire, lineSplitter, type WireReply } from '../core/wire.ts';
import type { Ask, Client, Op, OpResults } from '../recorder/ops.ts';
import type { Tell, Told } from '../recorder/told.ts';

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
  readonly timer: NodeJS.Timeout;
}

export interface HandoverClient {
  readonly ask: Ask;
  /** Resolves when the connection is gone, for whatever reason. */
  readonly closed: Promise<void>;
  close(): void;
  /**
   * In the last moment of the process: requests whose answers nobody will read. False where they cannot be written now;
   * part of them may then have been.
   */
  last(requests: readonly { readonly op: Op; readonly params: unknown }[]): boolean;
}

/**
 * Connects to the writer that listens on `path`; undefined when none does. A request whose connection breaks before its
 * answer rejects with `RECORDER_UNAVAILABLE`: whether it was carried out is then unknown, and events that carry an id
 * may be sent again. So does one that has no answer after `answerMs`; the connection is then given up.
 */
export async function connectHandover(
  path: string,
  client: Client,
  {
    answerMs = LIMITS.socketAnswerMs,
    quiet = false,
    tell,
  }: {
    readonly answerMs?: number;
    /** The connection keeps this process alive only while an answer is waited for. */
    readonly quiet?: boolean;
    /** What the writer says without being asked. */
    readonly tell?: Tell;
  } = {},
): Promise<HandoverClient | undefined> {
  const socket = connect(path);
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
  } catch {
    // No writer: a missing socket and a dead one look alike, and mean the same to the caller.
    return undefined;
  }
  const waiting = new Map<number, Waiting>();
  let next = 1;

  function settled(): void {
    if (quiet && waiting.size === 0) socket.unref();
  }
  settled();

  const split = lineSplitter((line) => {
    const reply = JSON.parse(line) as WireReply;
    if ('told' in reply) {
      tell?.(reply.told as Told);
      return;
    }
    const waiter = waiting.get(reply.id);
    waiting.delete(reply.id);
    clearTimeout(waiter?.timer);
    settled();
    if ('error' in reply) waiter?.reject(errorFromWire(reply.error));
    else waiter?.resolve(reply.result);
  });
  socket.on('data', (chunk: Buffer) => {
    try {
      split(chunk);
    } catch (error) {
      socket.destroy(error instanceof Error ? error : undefined);
    }
  });
  socket.on('error', () => undefined);
  const closed = new Promise<void>((resolve) => {
    socket.on('close', () => {
      for (const { reject, timer } of waiting.values()) {
        clearTimeout(timer);
        reject(gone());
      }
      waiting.clear();
      resolve();
    });
  });

  return {
    closed,
    close: () => socket.destroy(),
    last(requests) {
      // What is not yet out of this process would come after what is written now, in the middle of a line.
      if (socket.destroyed || socket.writableLength > 0) return false;
      const lines = requests.map(({ op, params }) =>
        JSON.stringify({ id: next, op, params, ...(next++ === 1 ? { client } : {}) }),
      );
      return writeNow(socket, `${lines.join('\n')}\n`);
    },
    ask: (op, params) =>
      new Promise((resolve, reject) => {
        if (socket.destroyed) return reject(gone());
        const line = JSON.stringify({ id: next, op, params, ...(next === 1 ? { client } : {}) });
        // The writer would end the connection: everything else that waits for it would be lost with this one.
        if (Buffer.byteLength(line) > LIMITS.socketMessageBytes) return reject(tooLong(op));
        const id = next++;
        const timer = setTimeout(() => {
          waiting.delete(id);
          settled();
          reject(silent(answerMs));
          // Its answers can no longer be trusted to come: whoever goes on connects anew.
          socket.destroy();
        }, answerMs);
        if (quiet) socket.ref();
        waiting.set(id, { resolve: (value) => resolve(value as OpResults[typeof op]), reject, timer });
        socket.write(`${line}\n`);
      }),
  };
}

function gone(): TallyError {
  return new TallyError('RECORDER_UNAVAILABLE', 'the recorder went away before it answered', {
    hint: 'start it again with `tally up`; an event that carries an id can be sent again',
  });
}

function tooLong(op: string): TallyError {
  return new TallyError(
    'ENTRY_TOO_LARGE',
    `the request ${op} has more than ${LIMITS.socketMessageBytes} bytes; nothing was sent`,
    { hint: 'send less in one event: of a large payload, its beginning' },
  );
}

function silent(answerMs: number): TallyError {
  return new TallyError('RECORDER_UNAVAILABLE', `the recorder gave no answer within ${answerMs / 1000} s`, {
    hint: 'it is stopped or overloaded: see whether `tally up` still runs (a process stopped with Ctrl-Z goes on after `fg`)',
  });
}

/** Past the event loop, which does not turn any more. */
function writeNow(socket: Socket, text: string): boolean {
  const { fd } = (socket as { readonly _handle?: { readonly fd?: number } })._handle ?? {};
  if (fd === undefined || fd < 0) return false;
  const bytes = Buffer.from(text);
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
    return true;
  } catch {
    // The other side reads no more of it, or is gone: the caller has another way to leave word.
    return false;
  }
}
