/**
 * Many subscribers over real connections. Each takes every event apart, holds it to be the next one, and notes when it came.
 */
import { connect } from 'node:net';
import type { Recorded } from './server.ts';

export interface Watched {
  readonly subscribers: number;
  readonly deliveries: number;
  /** Entries that did not come, or came twice or out of order, over all subscribers. */
  readonly wrong: number;
  /** Times that a subscriber did not keep up and was served from the log. */
  readonly lags: number;
  readonly p50: number;
  readonly p99: number;
  readonly most: number;
}

const HISTOGRAM_MS = 10_000;
const NEWLINE = 0x0a;
const FRAME_END = Buffer.from('\n\n');

interface Subscriber {
  /** What came of a frame that is not whole yet. */
  rest: Buffer;
  /** The entry that has to come next; NaN before the first. */
  next: number;
  wrong: number;
  lags: number;
  /** [entries up to this one, when they came] */
  readonly marks: number[];
  ready: boolean;
}

const [target = '', countText = '1'] = process.argv.slice(2);
const url = new URL(target);
const count = Number(countText);
const subscribers: Subscriber[] = [];
let ready = 0;

/** Takes the whole frames of a chunk apart: every entry has to be the next one. */
function take(subscriber: Subscriber, chunk: Buffer): void {
  const bytes = subscriber.rest.length === 0 ? chunk : Buffer.concat([subscriber.rest, chunk]);
  let start = 0;
  for (let end = bytes.indexOf(FRAME_END); end !== -1; end = bytes.indexOf(FRAME_END, start)) {
    // "id: N\ndata: {…}"
    const line = bytes.indexOf(NEWLINE, start);
    if (bytes[start] === 0x69 && bytes[line + 1] === 0x64) {
      const id = Number(bytes.toString('latin1', start + 4, line));
      if (!Number.isNaN(subscriber.next) && id !== subscriber.next) subscriber.wrong++;
      subscriber.next = id + 1;
    } else if (bytes.toString('latin1', start, start + 10) === 'event: lag') subscriber.lags++;
    start = end + FRAME_END.length;
  }
  subscriber.rest = bytes.subarray(start);
}

function open(): Subscriber {
  const socket = connect(Number(url.port), '127.0.0.1');
  const subscriber: Subscriber = {
    rest: Buffer.alloc(0),
    next: Number.NaN,
    wrong: 0,
    lags: 0,
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
    take(subscriber, chunk);
    if (subscriber.next - 1 !== subscriber.marks.at(-2))
      subscriber.marks.push(subscriber.next - 1, performance.timeOrigin + performance.now());
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
  for (let k = i; k < Math.min(count, i + 10); k++) subscribers.push(open());
  await new Promise((resolve) => setTimeout(resolve, 10));
}

function watch({ first, times }: Recorded): Watched {
  const histogram = new Uint32Array(HISTOGRAM_MS);
  let deliveries = 0;
  let wrong = 0;
  let lags = 0;
  let most = 0;
  for (const subscriber of subscribers) {
    let next = 0;
    for (let i = 0; i < subscriber.marks.length; i += 2) {
      const upTo = (subscriber.marks[i] ?? 0) - first;
      for (; next <= upTo && next < times.length; next++) {
        const lag = (subscriber.marks[i + 1] ?? 0) - (times[next] ?? 0);
        const slot = Math.min(HISTOGRAM_MS - 1, Math.max(0, Math.floor(lag)));
        histogram[slot] = (histogram[slot] ?? 0) + 1;
        most = Math.max(most, lag);
        deliveries++;
      }
    }
    wrong += subscriber.wrong + (times.length - next);
    lags += subscriber.lags;
  }
  const quantile = (q: number): number => {
    let left = deliveries * q;
    for (let ms = 0; ms < HISTOGRAM_MS; ms++) {
      left -= histogram[ms] ?? 0;
      if (left <= 0) return ms + 1;
    }
    return HISTOGRAM_MS;
  };
  return { subscribers: count, deliveries, wrong, lags, p50: quantile(0.5), p99: quantile(0.99), most };
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
