/** The server of tiles on 127.0.0.1: bounds, and nothing that a client does may hold a place for ever. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { TallyError } from '../core/error.ts';
import { LIMITS } from '../core/limits.ts';
import { loopbackHosts } from '../core/loopback.ts';
import { createTileHandler, type TileHandler, type TileOptions, tilesPrefix } from './tiles.ts';

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
  options: Omit<TileOptions, 'hosts'> & { readonly port: number },
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
  server.on('request', (request, response) => {
    if (handler !== undefined) void respond(handler, request, response);
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

async function respond(
  handle: TileHandler,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  // Nothing here takes a body; one that comes is not read.
  const hasBody =
    request.headers['content-length'] !== undefined || request.headers['transfer-encoding'] !== undefined;
  const { method = '', url = '', headers } = request;
  const { status, headers: own, body } = await handle({ method, url, headers });
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
