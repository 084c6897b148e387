/**
 * Moves the bytes of a session over standard input and output. To the server go whole messages, each as it came and in its
 * order, when its turn has come; to the client everything at once, and our own answers between the server's lines.
 */
import type { Readable, Writable } from 'node:stream';
import { LIMITS } from '../../core/limits.ts';
import { createLineCutter } from './lines.ts';
import { createLongReader } from './long.ts';
import type { McpSession } from './session.ts';
import type { Sink } from './session-options.ts';

export interface Streams {
  readonly clientIn: Readable;
  readonly clientOut: Writable;
  readonly serverIn: Writable;
  readonly serverOut: Readable;
}

export interface Pump {
  start(session: McpSession): void;
  /** The server has said everything, and the client has it. */
  readonly said: Promise<void>;
}

const LF = 0x0a;

export function createPump({ clientIn, clientOut, serverIn, serverOut }: Streams): Pump {
  const answers: Buffer[] = [];
  let atLineStart = true;
  let waiting = 0;
  let turn: Promise<void> = Promise.resolve();
  const { promise: said, resolve: saidAll } = Promise.withResolvers<void>();

  /** The server reads no more, or is gone: what it does not get is not answered, and the session says so at its end. */
  serverIn.on('error', () => undefined);

  function toServer(bytes: Buffer): void {
    if (serverIn.destroyed || serverIn.writableEnded) return;
    if (!serverIn.write(bytes)) {
      clientIn.pause();
      serverIn.once('drain', pace);
    }
  }

  function pace(): void {
    const full = waiting > LIMITS.mcpWaitingBytes || serverIn.writableNeedDrain;
    if (full) clientIn.pause();
    else if (clientIn.isPaused()) clientIn.resume();
  }

  function toClient(bytes: Buffer): void {
    if (clientOut.destroyed) return;
    if (!clientOut.write(bytes)) {
      serverOut.pause();
      clientOut.once('drain', () => serverOut.resume());
    }
  }

  const sink: Sink = {
    later: toServer,
    answer(bytes) {
      answers.push(bytes);
      if (atLineStart) flush();
    },
  };

  function passOn(line: Buffer, session: McpSession): void {
    const { pass } = session.fromClient(line, sink);
    waiting += line.length;
    turn = turn.then(async () => {
      const bytes = pass === true ? line : await pass;
      waiting -= line.length;
      if (bytes !== undefined) toServer(bytes);
      pace();
    });
    pace();
  }

  function listen(session: McpSession): void {
    let long = createLongReader();
    const cutter = createLineCutter(LIMITS.mcpLineBytes, {
      line: (line) => passOn(line, session),
      piece(bytes, { last }) {
        long.push(bytes);
        if (!last) return;
        session.tooLong(long.end(), sink);
        long = createLongReader();
      },
    });
    clientIn.on('data', (chunk: Buffer) => cutter.push(chunk));
    clientIn.once('end', () => {
      cutter.end();
      void turn.then(() => {
        session.clientLeft();
        serverIn.end();
      });
    });
  }

  function repeat(session: McpSession): void {
    let long = createLongReader();
    const cutter = createLineCutter(LIMITS.mcpLineBytes, {
      line: (line) => session.fromServer(line),
      piece(bytes, { last }) {
        long.push(bytes);
        if (!last) return;
        session.longFromServer(long.end());
        long = createLongReader();
      },
    });
    serverOut.on('data', (chunk: Buffer) => {
      toClient(chunk);
      atLineStart = chunk.at(-1) === LF;
      cutter.push(chunk);
      if (atLineStart) flush();
    });
    serverOut.once('end', () => {
      cutter.end();
      flush();
      saidAll();
    });
    serverOut.once('error', () => saidAll());
  }

  function flush(): void {
    for (const bytes of answers.splice(0)) toClient(bytes);
  }

  return {
    start(session) {
      repeat(session);
      listen(session);
    },
    said,
  };
}
