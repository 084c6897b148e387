/** The server of tiles on 127.0.0.1: bounds, and nothing that a client does may hold a place for ever. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { TallyError } from '../core/error.ts';
import { LIMITS } from '../core/limits.ts';
import { loopbackHosts } from '../core/loopback.ts';
import { isOwnUser, type Peer } from './peer.ts';
import { createTileHandler, refusal, type TileHandler, type TileOptions, tilesPrefix } from './tiles.ts';

/** Other machines must not reach it: whoever may read there may read every entry. */
const HOST = '127.0.0.1';

export interface TileServer {
  /** `http://127.0.0.1:PORT/log/NAME`: the prefix that C2SP clients are given. */
  readonly url: string;
  /** Requests under way are cut off: a client asks again. */
  close(): Promise<void>;
}

/** Port 0: any free one. Throws `ADDRESS_IN_USE`. */
export async function serveTiles(
  options: Omit<TileOptions, 'hosts'> & {
    readonly port: number;
    /** Whether the client of a connection may read; for tests. */
    readonly mayRead?: (peer: Peer) => Promise<boolean>;
  },
): Promise<TileServer> {
  let handler: TileHandler | undefined;
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
  server.maxConnections = LIMITS.tileConnections;
  // A socket that is silent in both directions, in the middle of a response too.
  server.setTimeout(LIMITS.tileStallMs);
  const mayRead = oncePerConnection(options.mayRead ?? isOwnUser, options.onError);
  server.on('request', (request, response) => {
    if (handler !== undefined) void respond(handler, mayRead, request, response);
  });
  await new Promise<void>((resolve, reject) => {
    const onError = (error: unknown): void => reject(listenError(error, options.port));
    server.once('error', onError);
    server.listen(options.port, HOST, () => {
      server.off('error', onError);
      resolve();
    });
  });
  const { port } = server.address() as AddressInfo;
  handler = createTileHandler({ ...options, hosts: loopbackHosts(port) });
  return {
    url: `http://${HOST}:${port}${tilesPrefix(options.name)}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
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

async function respond(
  handle: TileHandler,
  mayRead: (socket: Socket) => Promise<boolean>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  // Nothing here takes a body; one that comes is not read.
  const hasBody =
    request.headers['content-length'] !== undefined || request.headers['transfer-encoding'] !== undefined;
  const { method = '', url = '', headers } = request;
  const {
    status,
    headers: own,
    body,
  } = (await mayRead(request.socket))
    ? await handle({ method, url, headers })
    : refusal(403, 'another user of this machine; ask its owner to publish the log: tally log publish');
  if (response.destroyed) return;
  response.writeHead(status, { ...own, ...(hasBody ? { Connection: 'close' } : {}) });
  response.end(method === 'HEAD' ? undefined : body);
}

function listenError(error: unknown, port: number): unknown {
  if (!(error instanceof Error && 'code' in error && error.code === 'EADDRINUSE')) return error;
  return new TallyError('ADDRESS_IN_USE', `port ${port} of ${HOST} is taken`, {
    hint: 'TALLY_UI_PORT chooses another port',
    cause: error,
  });
}
