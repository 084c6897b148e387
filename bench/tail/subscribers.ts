/**
 * Many subscribers over real connections. Each notes when which entry came; what it took in all is held against what was
 * recorded, byte for byte in length, and some of them take every event apart.
 */
import { connect, type Socket } from 'node:net';
import type { Recorded } from './server.ts';

export interface Watched {
  readonly subscribers: number;
  readonly deliveries: number;
  /** Entries that did not come, or came twice or out of order, over all subscribers. */
  readonly wrong: number;
  readonly p50: number;
  readonly p99: number;
  readonly most: number;
}

/** These look at each event; the others at lengths and ids. */
const CAREFUL = 10;
const MARK = Buffer.from('\n\nid: ');
const HISTOGRAM_MS = 10_000;

interface Subscriber {
  readonly socket: Socket;
  /** Bytes since the last `\n\n` of the preface. */
  bytes: number;
  /** What came, for those that look at each event. */
  readonly parts: Buffer[] | undefined;
  /** [last id that began in this chunk, when it came] */
  readonly marks: number[];
  ready: boolean;
}

const [target = '', countText = '1'] = process.argv.slice(2);
const url = new URL(target);
const count = Number(countText);
const subscribers: Subscriber[] = [];
let ready = 0;

function idAt(chunk: Buffer, at: number): number {
  const start = at + MARK.length;
  const end = chunk.indexOf(10, start);
  return Number(chunk.toString('latin1', start, end === -1 ? start + 16 : end));
}

function open(careful: boolean): Subscriber {
  const socket = connect(Number(url.port), '127.0.0.1');
  const subscriber: Subscriber = {
    socket,
    bytes: 0,
    parts: careful ? [] : undefined,
    marks: [],
    ready: false,
  };
  let preface = '';
  socket.write(`GET ${url.pathname} HTTP/1.1\r\nHost: ${url.host}\r\n\r\n`);
  socket.on('data', (chunk: Buffer) => {
    if (!subscriber.ready) {
      preface += chunk.toString('latin1');
      if (!/event: state\ndata: .*\n\n$/.test(preface)) return;
      subscriber.ready = true;
      if (++ready === count) process.send?.('ready');
      return;
    }
    const now = performance.timeOrigin + performance.now();
    subscriber.bytes += chunk.length;
    subscriber.parts?.push(chunk);
    const at = chunk.lastIndexOf(MARK);
    if (at !== -1) subscriber.marks.push(idAt(chunk, at), now);
    else if (chunk.toString('latin1', 0, 4) === 'id: ') subscriber.marks.push(idAt(chunk, -2), now);
  });
  socket.on('error', (error) => console.error(error.message));
  socket.on('close', () => {
    console.error(`connection ${subscribers.indexOf(subscriber)} was closed; ${ready} were served`);
    process.exit(1);
  });
  return subscriber;
}

/** Ten at a time: a listening socket has a queue of some hundred. */
for (let i = 0; i < count; i += 10) {
  for (let k = i; k < Math.min(count, i + 10); k++) subscribers.push(open(k < CAREFUL));
  await new Promise((resolve) => setTimeout(resolve, 10));
}

function watch({ first, times, lengths }: Recorded): Watched {
  const histogram = new Uint32Array(HISTOGRAM_MS);
  const frame = (i: number): number => `id: ${first + i}\ndata: \n\n`.length + (lengths[i] ?? 0);
  const expected = lengths.reduce((sum, _, i) => sum + frame(i), 0);
  let deliveries = 0;
  let wrong = 0;
  let most = 0;
  for (const { marks, bytes, parts } of subscribers) {
    let next = 0;
    for (let i = 0; i < marks.length; i += 2) {
      const upTo = (marks[i] ?? 0) - first;
      for (; next <= upTo && next < times.length; next++) {
        const lag = (marks[i + 1] ?? 0) - (times[next] ?? 0);
        const slot = Math.min(HISTOGRAM_MS - 1, Math.max(0, Math.floor(lag)));
        histogram[slot] = (histogram[slot] ?? 0) + 1;
        most = Math.max(most, lag);
        deliveries++;
      }
    }
    if (bytes !== expected || next !== times.length) wrong += Math.max(1, times.length - next);
    if (parts === undefined) continue;
    const events = Buffer.concat(parts).toString('utf8').split('\n\n').slice(0, -1);
    events.forEach((event, i) => {
      const [, id, data] = /^id: (\d+)\ndata: (.*)$/.exec(event) ?? [];
      const { index } = JSON.parse(data ?? '{}') as { index?: number };
      if (Number(id) !== first + i || index !== first + i) wrong++;
    });
    if (events.length !== times.length) wrong++;
  }
  const quantile = (q: number): number => {
    let left = deliveries * q;
    for (let ms = 0; ms < HISTOGRAM_MS; ms++) {
      left -= histogram[ms] ?? 0;
      if (left <= 0) return ms + 1;
    }
    return HISTOGRAM_MS;
  };
  return { subscribers: count, deliveries, wrong, p50: quantile(0.5), p99: quantile(0.99), most };
}

/** What is late is late, not lost. */
const LATEST_MS = 30_000;

process.on('message', async (recorded: Recorded) => {
  const last = recorded.first + recorded.times.length - 1;
  const until = performance.now() + LATEST_MS;
  while (performance.now() < until && subscribers.some(({ marks }) => marks.at(-2) !== last))
    await new Promise((resolve) => setTimeout(resolve, 100));
  process.send?.(watch(recorded), () => process.exit());
});
process.on('disconnect', () => process.exit());
