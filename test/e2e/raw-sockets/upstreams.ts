/**
 * Upstreams that count what reaches them: by path plain HTTP, read as leniently as the worst of servers, and TLS; by
 * connection one that sends back what it gets.
 */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, createServer as createNetServer, type Server, type Socket } from 'node:net';
import { ownAuthority } from '../../support/own-authority.ts';

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
/** Under which connections are counted that are not read. */
export const UNREAD = 'unread';

export interface Upstreams {
  readonly plainPort: number;
  readonly tlsPort: number;
  readonly rawPort: number;
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
  const echo = createNetServer((socket) => {
    hits.set(UNREAD, (hits.get(UNREAD) ?? 0) + 1);
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', () => undefined).pipe(socket);
  });
  const [plainPort, tlsPort] = [await listen(servers[0]), await listen(servers[1])];
  const rawPort = await listen(echo);
  for (const server of servers) {
    server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
      response.writeContinue();
      onRequest(request, response);
    });
    server.on('upgrade', (request: IncomingMessage, socket) => {
      const path = (request.url ?? '').split('?', 1)[0] ?? '';
      hits.set(path, (hits.get(path) ?? 0) + 1);
      const key = request.headers['sec-websocket-key'] ?? '';
      const accept = createHash('sha1').update(`${key}${GUID}`).digest('base64');
      socket.on('error', () => undefined);
      const head = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n';
      // Now and then it agrees to what nobody asked for.
      if (path.endsWith('7/0')) {
        // Read on, so that its end is seen.
        socket.resume();
        socket.end(`${head}\r\n`);
        return;
      }
      socket.write(`${head}Sec-WebSocket-Accept: ${accept}\r\n\r\n`);
      socket.pipe(socket);
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
    rawPort,
    ca: authority.ca,
    hits,
    async close() {
      for (const socket of sockets) socket.destroy();
      for (const server of [...servers, echo]) {
        await new Promise((resolve) => server.close(resolve));
      }
    },
  };
}
