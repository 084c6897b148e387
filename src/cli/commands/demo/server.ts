/** The other side of the demo: a real HTTP server on a port of its own, with one bad habit. */
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface DemoServer {
  readonly url: string;
  readonly host: string;
  close(): Promise<void>;
}

export async function startServer(): Promise<DemoServer> {
  const server = createServer((request, response) => {
    request.resume();
    const { status, body } = answer(request);
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(`${JSON.stringify(body)}\n`);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: `http://${host}`,
    host,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

function answer({ url, headers }: IncomingMessage): { readonly status: number; readonly body: object } {
  switch (url) {
    case '/balance':
      return { status: 200, body: { balance: 4200, currency: 'eur' } };
    case '/debug':
      // Real ones do this too: the credential comes back in the answer.
      return { status: 200, body: { you_sent: headers.authorization } };
    default:
      return { status: 500, body: { error: 'ledger is locked' } };
  }
}
