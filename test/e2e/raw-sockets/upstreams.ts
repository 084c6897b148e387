/** Two upstreams that count what reaches them, by path: plain HTTP, read as leniently as the worst of servers, and TLS. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Server, Socket } from 'node:net';
import { ownAuthority } from '../../support/own-authority.ts';

export interface Upstreams {
  readonly plainPort: number;
  readonly tlsPort: number;
  /** PEM. */
  readonly ca: string;
  /** Requests by path, those that ended early too. */
  readonly hits: ReadonlyMap<string, number>;
  close(): Promise<void>;
}

export async function startUpstreams(): Promise<Upstreams> {
  const hits = new Map<string, number>();
  const sockets = new Set<Socket>();
  function onRequest(request: IncomingMessage, response: ServerResponse): void {
    const path = (request.url ?? '').split('?', 1)[0] ?? '';
    hits.set(path, (hits.get(path) ?? 0) + 1);
    response.on('error', () => undefined);
    request.on('error', () => undefined);
    // A careless upstream tells everything that it was sent.
    request.resume().on('end', () => response.end(JSON.stringify({ path, headers: request.rawHeaders })));
  }
  const authority = ownAuthority('localhost');
  const lenient = { insecureHTTPParser: true, requireHostHeader: false, keepAliveTimeout: 60_000 };
  const servers = [
    createServer(lenient, onRequest),
    createTlsServer({ ...lenient, key: authority.key, cert: authority.cert }, onRequest),
  ] as const;
  const listen = (server: Server): Promise<number> =>
    new Promise((resolve) =>
      server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port)),
    );
  const [plainPort, tlsPort] = [await listen(servers[0]), await listen(servers[1])];
  for (const server of servers) {
    server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
      response.writeContinue();
      onRequest(request, response);
    });
    server.on('upgrade', (request: IncomingMessage, socket) => {
      const path = (request.url ?? '').split('?', 1)[0] ?? '';
      hits.set(path, (hits.get(path) ?? 0) + 1);
      // Read on, so that its end is seen.
      socket.on('error', () => undefined).resume();
      socket.end('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    });
    server.on('clientError', (_error, socket) => socket.destroy());
    server.on('connection', (socket: Socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    });
  }
  return {
    plainPort,
    tlsPort,
    ca: authority.ca,
    hits,
    async close() {
      for (const socket of sockets) socket.destroy();
      for (const server of servers) {
        await new Promise((resolve) => server.close(resolve));
      }
    },
  };
}
