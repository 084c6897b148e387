/**
 * The writer's side of the hand-over socket: other processes on this machine send their requests here and get the same
 * durable acknowledgement as code inside the writer. The socket is 0600 in a 0700 directory.
 */
import { chmod, mkdir, rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { TallyError } from '../core/error.ts';
import { LIMITS } from '../core/limits.ts';
import { parseJson } from '../core/parse.ts';
import { errorToWire, lineSplitter, type WireReply } from '../core/wire.ts';
import { type Client, ClientSchema, OPS, type Op } from '../recorder/ops.ts';
import type { OnGone, Tell } from '../recorder/told.ts';

export type Handler = (op: Op, params: unknown, client: Client) => Promise<unknown>;

export interface Handover {
  readonly path: string;
  close(): Promise<void>;
}

/** Listens on `path`, replacing a socket that a dead writer left: the caller holds the writer's lock. */
export async function serveHandover(options: {
  readonly path: string;
  readonly handle: Handler;
  /** A client went away; its open actions have the grace time to come back. */
  readonly onError: (error: unknown) => void;
  /** It does not keep this process alive. */
  readonly quiet?: boolean;
}): Promise<Handover> {
  const { path } = options;
  if (Buffer.byteLength(path) > LIMITS.socketPathBytes) {
    throw new TallyError(
      'BAD_CONFIG',
      `the socket path is longer than ${LIMITS.socketPathBytes} bytes: ${path}`,
      {
        hint: 'set XDG_RUNTIME_DIR to a short directory',
      },
    );
  }
  const sockets = new Set<Socket>();
  const answering = new Set<Promise<void>>();
  let closing = false;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    // A reset by a killed client is no failure of the writer; the close event follows.
    socket.on('error', () => undefined);
    serveClient(
      socket,
      (op, params, client) => {
        if (closing) throw closingNow();
        const answer = options.handle(op, params, client);
        const settled = answer.then(ignore, ignore).finally(() => answering.delete(settled));
        answering.add(settled);
        return answer;
      },
      options.onError,
    );
  });
  server.maxConnections = LIMITS.socketClients;
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await rm(path, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  await chmod(path, 0o600);
  if (options.quiet === true) server.unref();
  return {
    path,
    async close() {
      closing = true;
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      // What was begun is answered; what comes now is told that it was not begun, and may be sent to the next writer.
      await Promise.all(answering);
      await new Promise((resolve) => setImmediate(resolve));
      for (const socket of sockets) socket.destroySoon();
      await closed;
    },
  };
}

function ignore(): void {}

function closingNow(): TallyError {
  return new TallyError('RECORDER_UNAVAILABLE', 'the recorder is closing and did not begin this request', {
    hint: 'send it again: the next writer takes it',
  });
}

function serveClient(socket: Socket, handle: Handler, onError: (error: unknown) => void): void {
  let client: Client | undefined;
  let open = 0;
  const silent = setTimeout(() => socket.destroy(), LIMITS.socketHelloMs);
  socket.on('close', () => clearTimeout(silent));

  function reply(message: WireReply): void {
    if (!socket.destroyed) socket.write(`${JSON.stringify(message)}\n`);
  }

  const tell: Tell = (told) => {
    if (socket.destroyed) return false;
    reply({ id: 0, told });
    return true;
  };

  const onGone: OnGone = (listener) => {
    if (socket.closed) listener();
    else socket.once('close', listener);
  };

  /** A client that asks faster than it is answered, or does not read its answers, waits: memory stays bounded. */
  function pace(): void {
    const full = open >= LIMITS.socketRequests || socket.writableNeedDrain;
    if (full && !socket.isPaused()) socket.pause();
    else if (!full && socket.isPaused()) socket.resume();
  }
  socket.on('drain', pace);

  async function answer(line: string): Promise<void> {
    let id = 0;
    open++;
    pace();
    try {
      const request = parseRequest(line);
      id = request.id;
      if (client === undefined) {
        client = { ...parseClient(request.client), tell, onGone };
        clearTimeout(silent);
      }
      reply({ id, result: await handle(request.op, request.params, client) });
    } catch (error) {
      if (!(error instanceof TallyError)) onError(error);
      reply({ id, error: errorToWire(error) });
    } finally {
      open--;
      pace();
    }
  }

  const split = lineSplitter((line) => void answer(line));
  socket.on('data', (chunk: Buffer) => {
    try {
      split(chunk);
    } catch (error) {
      socket.end(`${JSON.stringify({ id: 0, error: errorToWire(error) })}\n`);
    }
  });
}

function parseRequest(line: string): { id: number; op: Op; params: unknown; client: unknown } {
  let message: unknown;
  try {
    message = parseJson(line);
  } catch {
    throw badMessage('not JSON');
  }
  if (typeof message !== 'object' || message === null) throw badMessage('not an object');
  const { id, op, params, client } = message as Record<string, unknown>;
  if (typeof id !== 'number' || !Number.isSafeInteger(id)) throw badMessage('id is not an integer');
  if (typeof op !== 'string' || !Object.hasOwn(OPS, op)) throw badMessage(`unknown op ${JSON.stringify(op)}`);
  return { id, op: op as Op, params, client };
}

function parseClient(value: unknown): Client {
  const parsed = ClientSchema.safeParse(value);
  if (!parsed.success) throw badMessage('the first request has to say who the client is');
  return parsed.data;
}

function badMessage(why: string): TallyError {
  return new TallyError('USAGE', `not a request: ${why}`, {
    hint: 'spec/log.md describes the hand-over socket',
  });
}
