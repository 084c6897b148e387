/** The HTTP server in front of the broker, and its limits. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TallyError } from '../../core/error.ts';
import { LIMITS } from '../../core/limits.ts';
import { codeOf } from './failure.ts';
import { type Reply, UNKNOWN_EXPECTATION } from './reply.ts';

/** Other machines must not reach it, whatever the policy says. */
export const HOST = '127.0.0.1';

export interface Listener {
  /** `refused`: what is to be answered whatever the request asks. */
  readonly onRequest: (
    request: IncomingMessage,
    response: ServerResponse,
    wantsContinue: boolean,
    refused?: Reply,
  ) => void;
  /** The socket is no longer read by the server: `head` is what had come already. */
  readonly onConnect: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
  /** It asks for a WebSocket; the same of its socket. */
  readonly onUpgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
  readonly mayUpgrade: (request: IncomingMessage) => boolean;
  /** Bytes that are no HTTP request, or one with two meanings; or it broke. To be answered. */
  readonly onGarbage: (error: unknown, socket: Socket) => void;
  /** A connection beyond LIMITS.clientConnections. */
  readonly onDrop: () => void;
}

export function createListener(listener: Listener, headersMs: number): Server {
  const server = createServer({
    maxHeaderSize: LIMITS.requestHeaderBytes,
    headersTimeout: headersMs,
    // Uploads may take as long as they make progress; body.ts watches that.
    requestTimeout: 0,
    keepAliveTimeout: LIMITS.clientKeepAliveMs,
    connectionsCheckingInterval: Math.min(headersMs, LIMITS.requestHeadersCheckMs),
    insecureHTTPParser: false,
    requireHostHeader: true,
    noDelay: true,
    shouldUpgradeCallback: (request) => listener.mayUpgrade(request),
  });
  server.maxConnections = LIMITS.clientConnections;
  server.on('request', (request, response) => listener.onRequest(request, response, false));
  server.on('checkContinue', (request, response) => listener.onRequest(request, response, true));
  server.on('checkExpectation', (request, response) =>
    listener.onRequest(request, response, true, UNKNOWN_EXPECTATION),
  );
  server.on('connect', (request, socket, head) => listener.onConnect(request, socket, head));
  server.on('upgrade', (request, socket, head) => listener.onUpgrade(request, socket, head));
  server.on('drop', listener.onDrop);
  server.on('clientError', (error, socket) => listener.onGarbage(error, socket as Socket));
  return server;
}

/** Resolves to the port. Throws ADDRESS_IN_USE. */
export async function listenOn(server: Server, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    const onError = (error: unknown): void => reject(listenError(error, port));
    server.once('error', onError);
    server.listen(port, HOST, () => {
      server.off('error', onError);
      resolve();
    });
  });
  return (server.address() as AddressInfo).port;
}

function listenError(error: unknown, port: number): unknown {
  if (codeOf(error) !== 'EADDRINUSE') return error;
  return new TallyError('ADDRESS_IN_USE', `port ${port} of ${HOST} is taken`, {
    hint: 'another broker may run already (`tally status`); TALLY_PORT chooses another port',
    cause: error,
  });
}
