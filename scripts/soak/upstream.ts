/** The upstream of the soak. It counts what it was asked for, by the first part of the path. */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

const MOST = 1024 * 1024;
const BYTES = Buffer.alloc(MOST, 'a soak is long; ');
const counts: Record<string, number> = {};

/** In eight parts with pauses, so that callers can go away in the middle. */
function slowly(response: ServerResponse, part = 0): void {
  if (response.destroyed) return;
  if (part === 8) {
    response.end();
    return;
  }
  response.write(BYTES.subarray(0, 512));
  setTimeout(() => slowly(response, part + 1), 2);
}

const server = createServer({ keepAliveTimeout: 20_000 }, (request, response) => {
  const [, kind = '', size = '0'] = (request.url ?? '').split('/');
  counts[kind] = (counts[kind] ?? 0) + 1;
  if (kind === 'broken') {
    request.socket.destroy();
    return;
  }
  request.resume();
  request.on('end', () => {
    if (kind === 'slow') slowly(response.writeHead(200));
    else response.end(BYTES.subarray(0, Math.min(MOST, Number(size))));
  });
});
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }));
process.on('message', () => process.send?.(counts));
process.on('SIGTERM', () => process.exit(0));
