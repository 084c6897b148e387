/** Callers who mean harm, or behave as if: many that dawdle, one that reads nothing, tunnels and held calls in numbers. */
import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

export interface Place {
  readonly port: number;
  /** Origin of the upstream, and host:port of one that is tunnelled. */
  readonly target: string;
  readonly tunnelled: string;
}

export type Counts = Record<string, number>;

export const told = (counts: Counts): string =>
  Object.entries(counts)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([what, count]) => `${what} ${count}`)
    .join(', ');

const add = (counts: Counts, what: string): void => {
  counts[what] = (counts[what] ?? 0) + 1;
};

const statusIn = (text: string): string => /^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 'nothing';

/** A socket and the beginning of what came. */
interface Open {
  readonly socket: Socket;
  text: string;
  closed: boolean;
}

async function opened(port: number): Promise<Open> {
  const socket = connect(port, '127.0.0.1');
  const one: Open = { socket, text: '', closed: false };
  socket
    .on('error', () => undefined)
    .on('close', () => {
      one.closed = true;
    });
  socket.on('data', (data: Buffer) => {
    if (one.text.length < 4_096) one.text += data.toString('latin1');
  });
  await new Promise((resolve) => socket.once('connect', resolve).once('close', resolve));
  return one;
}

/**
 * `count` connections that send one byte a second: of a head that never ends, or of a body. Resolves after `seconds` with
 * what became of them; `measure` is called before they are let go.
 */
export async function dawdle(
  { port, target }: Place,
  part: 'head' | 'body',
  count: number,
  seconds: number,
  measure: () => Promise<void>,
): Promise<Counts> {
  const all = await Promise.all(Array.from({ length: count }, () => opened(port)));
  const control = `Host: 127.0.0.1:${port}\r\nX-AS-Target-URL: ${target}/\r\nX-AS-Inject-Bearer: SOAK_KEY\r\n`;
  const start = `POST /proxy HTTP/1.1\r\n${control}`;
  for (const [i, { socket }] of all.entries())
    socket.write(
      part === 'head'
        ? `${start}X-Slow: `
        : `${start}Content-Type: ${i % 2 === 0 ? 'application/json' : 'application/octet-stream'}\r\nContent-Length: 100000\r\n\r\n`,
    );
  for (let second = 0; second < seconds; second++) {
    await pause(1_000);
    for (const { socket, closed } of all) if (!closed) socket.write('x');
  }
  await measure();
  const counts: Counts = {};
  for (const { socket, text, closed } of all) {
    add(counts, `${statusIn(text)}${closed ? ' and closed' : ' and open'}`);
    socket.destroy();
  }
  return counts;
}

/** CONNECTs all at once; those that stand carry a message both ways. */
export async function manyTunnels(
  { port, tunnelled }: Place,
  count: number,
  measure: () => Promise<void>,
): Promise<Counts> {
  const counts: Counts = {};
  const all = await Promise.all(
    Array.from({ length: count }, async () => {
      const one = await opened(port);
      one.socket.write(`CONNECT ${tunnelled} HTTP/1.1\r\nHost: ${tunnelled}\r\n\r\n`);
      for (let waited = 0; waited < 30_000 && !one.text.includes('\r\n\r\n') && !one.closed; waited += 20)
        await pause(20);
      add(counts, statusIn(one.text));
      return one;
    }),
  );
  for (const one of all) {
    one.text = '';
    if (!one.closed) one.socket.write('over there and back');
  }
  for (
    let waited = 0;
    waited < 10_000 && all.some(({ text, closed }) => !closed && text === '');
    waited += 20
  )
    await pause(20);
  await measure();
  for (const { socket, text } of all) {
    if (text === 'over there and back') add(counts, 'echoed');
    socket.destroy();
  }
  return counts;
}

/** Calls that wait for a person, until `end` is done with them. */
export async function heldCalls(
  { port, target }: Place,
  count: number,
  whenHeld: () => Promise<void>,
): Promise<Counts> {
  const counts: Counts = {};
  const all = Array.from({ length: count }, (): [ClientRequest, Promise<void>] => {
    const outgoing = request({
      host: '127.0.0.1',
      port,
      path: '/proxy',
      method: 'PUT',
      agent: false,
      headers: { 'X-AS-Target-URL': `${target}/held`, 'X-AS-Inject-Bearer': 'SOAK_KEY' },
    });
    const answered = (async () => {
      try {
        const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
        let text = '';
        for await (const chunk of incoming) text += String(chunk);
        add(counts, `${incoming.statusCode} ${(JSON.parse(text) as { reason?: string }).reason}`);
      } catch {
        add(counts, 'cut');
      }
    })();
    outgoing.end();
    return [outgoing, answered];
  });
  await whenHeld();
  await Promise.all(all.map(([, answered]) => answered));
  return counts;
}
