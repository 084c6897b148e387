/** The broker's path without the broker: node:http in, undici Pool out, a header added, nothing decided or recorded. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Pool } from 'undici';

const pool = new Pool(`http://127.0.0.1:${process.argv[2]}`, { connections: 256, pipelining: 1 });
const server = createServer((request, response) => {
  pool.dispatch(
    {
      path: request.url ?? '/',
      method: 'GET',
      headers: { authorization: 'Bearer constant', accept: request.headers.accept ?? '*/*' },
    },
    {
      onRequestStart() {},
      onResponseStart(_controller, status, headers) {
        response.writeHead(status, headers);
      },
      onResponseData(_controller, chunk) {
        response.write(chunk);
      },
      onResponseEnd() {
        response.end();
      },
      onResponseError() {
        response.destroy();
      },
    },
  );
});
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }));
process.on('message', () => {
  const { user, system } = process.cpuUsage();
  process.send?.((user + system) / 1_000_000);
});
process.on('SIGTERM', () => process.exit(0));
