/**
 * The shop's refund service: a plain HTTP server that pays whatever it is asked to, and counts. It knows nothing of
 * Tallystick; what may be paid is decided before anybody asks it.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Refund {
  readonly order: string;
  readonly amount: number;
}

export interface Shop {
  readonly url: string;
  /** What was really paid, by the service's own count. */
  readonly paid: readonly Refund[];
  close(): Promise<void>;
}

export async function openShop(): Promise<Shop> {
  const paid: Refund[] = [];
  const server = createServer((request, response) => {
    let text = '';
    request.on('data', (part) => {
      text += part;
    });
    request.on('end', () => {
      paid.push(JSON.parse(text) as Refund);
      response.writeHead(201, { 'Content-Type': 'application/json' });
      response.end(JSON.stringify({ receipt: `rc_${paid.length}` }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/refunds`,
    paid,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
