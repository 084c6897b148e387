/** The HTTP of our witness, and what keeps strangers from holding it up: bounded sizes, times and connections. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { encodeUtf8 } from '../../core/bytes.ts';
import { TallyError } from '../../core/error.ts';
import { LIMITS } from '../../core/limits.ts';
import { ADD_CHECKPOINT } from '../../core/tlog/witness-protocol.ts';
import type { Witness, WitnessReply } from './witness.ts';

export interface WitnessServerOptions {
  readonly witness: Witness;
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** A request that failed for a reason of our own; the client was told 500. */
  readonly onError: (error: unknown) => void;
  /** For tests; LIMITS.witnessRequestMs otherwise. */
  readonly requestMs?: number;
}

export interface WitnessServer {
  readonly url: string;
  /** What was begun is answered, then all connections end. */
  close(): Promise<void>;
}

/** Throws `ADDRESS_IN_USE`, or `BAD_CONFIG` for an address that this machine does not have. */
export async function serveWitness(options: WitnessServerOptions): Promise<WitnessServer> {
  const requestMs = options.requestMs ?? LIMITS.witnessRequestMs;
  const server = createServer({
    maxHeaderSize: LIMITS.requestHeaderBytes,
    headersTimeout: requestMs,
    requestTimeout: requestMs,
    keepAliveTimeout: LIMITS.witnessKeepAliveMs,
    connectionsCheckingInterval: requestMs / 4,
    insecureHTTPParser: false,
    requireHostHeader: true,
    noDelay: true,
  });
  server.maxConnections = LIMITS.witnessConnections;
  server.maxRequestsPerSocket = LIMITS.witnessRequestsPerConnection;
  const answering = new Set<Promise<void>>();
  server.on('request', (request, response) => {
    const settled = answer(options, request, response).finally(() => answering.delete(settled));
    answering.add(settled);
  });
  await listen(server, options);
  return {
    url: urlOf(server),
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      // A client that is still sending has no right to hold the end up longer than its request may take.
      await Promise.all(answering);
      server.closeAllConnections();
      await closed;
    },
  };
}

async function answer(
  { witness, onError }: WitnessServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    const reply = await replyTo(witness, request);
    if (reply === undefined) return;
    // What was not read must not be taken for the next request.
    if (!request.complete) response.setHeader('connection', 'close');
    const headers = {
      'content-type': reply.type,
      'content-length': reply.body.length,
      'x-content-type-options': 'nosniff',
      ...(reply.status === 405 ? { allow: 'POST' } : {}),
    };
    response.writeHead(reply.status, headers).end(request.method === 'HEAD' ? undefined : reply.body);
  } catch (error) {
    onError(error);
    if (!response.headersSent) response.writeHead(500, { connection: 'close' });
    response.end();
  }
}

/** undefined: the client went away. */
async function replyTo(witness: Witness, request: IncomingMessage): Promise<WitnessReply | undefined> {
  const [path] = (request.url ?? '').split('?', 1);
  if (path === '/' && (request.method === 'GET' || request.method === 'HEAD')) return witness.page();
  if (path !== `/${ADD_CHECKPOINT}`) return plain(404, 'there is / and /add-checkpoint');
  if (request.method !== 'POST') return plain(405, 'POST a checkpoint here');
  const body = await readBody(request);
  if (body === 'gone') return undefined;
  if (body === 'large') return plain(413, `a request has at most ${LIMITS.witnessMessageBytes} bytes`);
  return witness.add(body);
}

function plain(status: number, text: string): WitnessReply {
  return { status, type: 'text/plain; charset=utf-8', body: encodeUtf8(`${text}\n`) };
}

function readBody(request: IncomingMessage): Promise<Uint8Array | 'large' | 'gone'> {
  return new Promise((resolve) => {
    const parts: Buffer[] = [];
    let size = 0;
    request.on('data', (part: Buffer) => {
      size += part.length;
      if (size > LIMITS.witnessMessageBytes) {
        request.pause();
        resolve('large');
      } else parts.push(part);
    });
    request.on('end', () => resolve(new Uint8Array(Buffer.concat(parts, size))));
    // Closed before its end, or too slow: node ends the connection.
    request.on('error', () => resolve('gone'));
    request.on('close', () => resolve('gone'));
  });
}

function listen(server: Server, { host, port }: WitnessServerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const taken = error.code === 'EADDRINUSE';
      reject(
        new TallyError(
          taken ? 'ADDRESS_IN_USE' : 'BAD_CONFIG',
          taken
            ? `port ${port} of ${host} is taken`
            : `cannot listen on ${host}, port ${port}: ${error.message}`,
          {
            hint: taken
              ? 'take another one: tally witness serve --port PORT'
              : 'give an address that this machine has: tally witness serve --host ADDRESS',
            cause: error,
          },
        ),
      );
    });
    server.listen(port, host, resolve);
  });
}

function urlOf(server: Server): string {
  // Listening on TCP: the address is an object then.
  const { address, family, port } = server.address() as AddressInfo;
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
}
