/** The upstream of the proxy benchmark: a small JSON answer to everything. With a directory, https for localhost. */
import { createServer, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { ensureCa } from '../../src/capture/ca/authority.ts';
import { createLeaves } from '../../src/capture/ca/leaves.ts';

const BODY = JSON.stringify({ ok: true, items: [1, 2, 3], note: 'a small answer' });
const answer: RequestListener = (_request, response) => {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': BODY.length });
  response.end(BODY);
};

async function secure(state: string) {
  await ensureCa({ state }, Date.now);
  const context = await createLeaves({ state }, Date.now).of('localhost');
  return createTlsServer({ SNICallback: (_name, done) => done(null, context) }, answer);
}

const [state] = process.argv.slice(2);
const server = state === undefined ? createServer(answer) : await secure(state);
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }));
process.on('SIGTERM', () => process.exit(0));
