/**
 * The HTTP server of the recorder on 127.0.0.1, with its resources: bounds, who may ask, and nothing that a client does
 * holds a place for ever.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { TallyError } from '../core/error.ts';
import { LIMITS } from '../core/limits.ts';
import { loopbackHosts } from '../core/loopback.ts';
import { isOwnUser, type Peer } from './peer.ts';

/** Other machines must not reach it: whoever may read there may read every entry. */
const HOST = '127.0.0.1';

export interface Resource {
  /** Whether it answers for this path. The first resource that does is asked. */
  owns(path: string): boolean;
  /**
   * It says itself who may ask, and reads bodies. Otherwise only processes of this user are let through, and a body that
   * comes is not read.
   */
  readonly open?: true;
  /** `isOwn`: the client is a process of this user. Nothing else was checked. Never rejects. */
  answer(request: IncomingMessage, response: ServerResponse, isOwn: boolean): Promise<void> | void;
  /** Responses that go on and on are ended; the others are cut off. */
  close?(): void;
}

export interface HttpServer {
  /** `http://127.0.0.1:PORT` */
  readonly origin: string;
  /** Requests under way are cut off: a client asks again. */
  close(): Promise<void>;
}

export interface HttpOptions {
  /** 0: any free one. */
  readonly port: number;
  /** Whether the client of a connection may read; for tests. */
  readonly mayRead?: (peer: Peer) => Promise<boolean>;
  /** `hosts`: Host headers that are answered. */
  readonly resources: (hosts: ReadonlySet<string>) => readonly Resource[];
  readonly onError: (error: unknown) => void;
}

/** After their resource has said goodbye. */
const FAREWELL_MS = 500;

/** Throws `ADDRESS_IN_USE`. */
export async function serveHttp(options: HttpOptions): Promise<HttpServer> {
  let resources: readonly Resource[] = [];
  const server = createServer({
    maxHeaderSize: LIMITS.requestHeaderBytes,
    headersTimeout: LIMITS.requestHeadersMs,
    requestTimeout: LIMITS.requestHeadersMs,
    connectionsCheckingInterval: LIMITS.requestHeadersCheckMs,
    keepAliveTimeout: LIMITS.clientKeepAliveMs,
    requireHostHeader: true,
    insecureHTTPParser: false,
    noDelay: true,
  });
  server.maxConnections = LIMITS.tileConnections + LIMITS.liveSubscribers;
  // A socket that is silent in both directions, in the middle of a response too.
  server.setTimeout(LIMITS.tileStallMs);
  const silent = boundSilent();
  server.on('connection', silent.connected);
  const mayRead = oncePerConnection(options.mayRead ?? isOwnUser, options.onError);

  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    silent.spoke(request.socket);
    const { headers, url = '' } = request;
    const path = url.split('?', 1)[0] ?? '';
    const resource = resources.find((one) => one.owns(path));
    const hasBody = headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
    if (hasBody && resource?.open !== true) response.setHeader('Connection', 'close');
    const isOwn = await mayRead(request.socket);
    if (response.destroyed) return;
    if (!isOwn && resource?.open !== true)
      return refuse(
        response,
        403,
        'another user of this machine; ask its owner to publish the log: tally log publish',
      );
    await resource?.answer(request, response, isOwn);
  }

  server.on('request', (request, response) => void respond(request, response));
  await new Promise<void>((resolve, reject) => {
    const onError = (error: unknown): void => reject(listenError(error, options.port));
    server.once('error', onError);
    server.listen(options.port, HOST, () => {
      server.off('error', onError);
      resolve();
    });
  });
  const { port } = server.address() as AddressInfo;
  resources = options.resources(loopbackHosts(port));
  return {
    origin: `http://${HOST}:${port}`,
    close: () =>
      new Promise((resolve) => {
        silent.stop();
        server.close(() => resolve());
        const lasting = resources.filter(({ close }) => close !== undefined);
        for (const resource of lasting) resource.close?.();
        if (lasting.length === 0) server.closeAllConnections();
        else {
          server.closeIdleConnections();
          setTimeout(() => server.closeAllConnections(), FAREWELL_MS).unref();
        }
      }),
  };
}

/** Plain text, and never kept: what is not there now may be. */
export function refuse(response: ServerResponse, status: number, why: string): void {
  const body = `${why}\n`;
  response.writeHead(status, {
    'Content-Type': 'text/plain; charset=utf-8',
    'Cache-Control': 'no-store',
    'Content-Length': String(Buffer.byteLength(body)),
    'X-Content-Type-Options': 'nosniff',
  });
  response.end(response.req.method === 'HEAD' ? undefined : body);
}

/**
 * Connections that have not asked for anything yet. Clients ask at once. Of those that did not within a second only the
 * newest are kept, so that thousands that were opened and left do not take the places of the others.
 */
function boundSilent() {
  /** In the order in which they came. */
  const waiting = new Map<Socket, number>();
  function prune(): void {
    const since = performance.now() - LIMITS.silentMs;
    for (const [socket, came] of waiting) {
      if (waiting.size <= LIMITS.silentConnections || came > since) return;
      waiting.delete(socket);
      socket.destroy();
    }
  }
  // Behind the next look at all connections: what has arrived was then read, however long this process was held up.
  const timer = setInterval(() => setImmediate(prune), LIMITS.silentMs);
  timer.unref();
  return {
    connected(socket: Socket): void {
      waiting.set(socket, performance.now());
      socket.once('close', () => waiting.delete(socket));
    },
    spoke: (socket: Socket): void => void waiting.delete(socket),
    stop: () => clearInterval(timer),
  };
}

/** A connection never changes hands as far as its kernel tells: its first request decides. Never rejects. */
function oncePerConnection(
  mayRead: (peer: Peer) => Promise<boolean>,
  onError: (error: unknown) => void,
): (socket: Socket) => Promise<boolean> {
  const known = new WeakMap<Socket, Promise<boolean>>();
  async function ask({ remoteAddress, remotePort, localPort }: Socket): Promise<boolean> {
    if (remoteAddress === undefined || remotePort === undefined || localPort === undefined) return false;
    try {
      return await mayRead({ remoteAddress, remotePort, localPort });
    } catch (error) {
      onError(error);
      return false;
    }
  }
  return (socket) => {
    const answer = known.get(socket) ?? ask(socket);
    known.set(socket, answer);
    return answer;
  };
}

function listenError(error: unknown, port: number): unknown {
  if (!(error instanceof Error && 'code' in error && error.code === 'EADDRINUSE')) return error;
  return new TallyError('ADDRESS_IN_USE', `port ${port} of ${HOST} is taken`, {
    hint: 'TALLY_UI_PORT chooses another port',
    cause: error,
  });
}
