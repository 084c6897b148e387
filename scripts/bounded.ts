/**
 * What a broker holds when much is asked of it at once: idle connections up to its limit and beyond, readers that take
 * next to nothing of large answers, and one body that is larger than any memory, in both directions.
 *
 *   node scripts/bounded.ts [--idle 10000] [--slow 200] [--gigabytes 10] [--dawdling 1000] [--tunnels 1000] [--kept 500]
 *
 * Ten gigabytes each way take some minutes.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import { type AddressInfo, connect, createServer as createNetServer, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { scratch } from '../bench/support.ts';
import { LIMITS } from '../src/core/limits.ts';
import { dawdle, heldCalls, manyTunnels, type Place, told } from './bounded/hostile.ts';
import type { Held } from './soak/broker.ts';

const { values } = parseArgs({
  options: {
    idle: { type: 'string', default: '10000' },
    slow: { type: 'string', default: '200' },
    gigabytes: { type: 'string', default: '10' },
    dawdling: { type: 'string', default: '1000' },
    tunnels: { type: 'string', default: '1000' },
    kept: { type: 'string', default: '500' },
  },
});
const MiB = 1024 * 1024;
const PART = Buffer.alloc(64 * 1024, 'bounded');
const wrong: string[] = [];

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function held(broker: ChildProcess): Promise<Held> {
  const answer = once(broker, 'message');
  broker.send('held');
  return ((await answer) as [Held])[0];
}

const mib = (bytes: number): string => `${(bytes / MiB).toFixed(1)} MiB`;

/** `most`: what may be held beyond `before`. */
function judge(what: string, before: Held, after: Held, most: number): void {
  const more = after.rss - before.rss;
  say(
    `${what}: rss ${mib(before.rss)} → ${mib(after.rss)}, heap ${mib(before.heap)} → ${mib(after.heap)}, external ${mib(after.external)}, descriptors ${after.descriptors}`,
  );
  if (more > most)
    wrong.push(`${what}: ${mib(more)} more than before, and at most ${mib(most)} were expected`);
}

/** `size` bytes, made as they are taken. */
function endless(size: number): Readable {
  let left = size;
  return new Readable({
    read() {
      const part = left >= PART.length ? PART : PART.subarray(0, left);
      left -= part.length;
      this.push(part.length === 0 ? null : part);
    },
  });
}

/** POST counts what comes, GET /SIZE sends so much. */
const upstream = createServer((incoming, response) => {
  if (incoming.method === 'GET') {
    const size = Number(incoming.url?.slice(1));
    response.writeHead(200, { 'content-length': size });
    endless(size).pipe(response);
    return;
  }
  let size = 0;
  incoming.on('data', (data: Buffer) => {
    size += data.length;
  });
  incoming.on('end', () => response.end(String(size)));
});

/** A connection that has asked for /health once and stays; undefined when it is turned away. */
function idle(port: number): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () =>
      socket.write(`GET /health HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`),
    );
    socket.once('data', () => resolve(socket));
    socket.on('error', () => resolve(undefined)).on('close', () => resolve(undefined));
  });
}

async function manyIdle(broker: ChildProcess, port: number, count: number): Promise<void> {
  const before = await held(broker);
  const open: Socket[] = [];
  let away = 0;
  for (let made = 0; made < count; made += 100) {
    const some = await Promise.all(Array.from({ length: 100 }, () => idle(port)));
    for (const socket of some)
      if (socket === undefined) away++;
      else open.push(socket);
  }
  const after = await held(broker);
  judge(`${open.length} idle connections, ${away} turned away`, before, after, open.length * 32 * 1024);
  say(`  ${((after.rss - before.rss) / 1024 / Math.max(1, open.length)).toFixed(1)} KiB each`);
  if (open.length > LIMITS.clientConnections) wrong.push('more connections than the limit');
  for (const socket of open) socket.destroy();
}

function call(
  port: number,
  target: string,
  options: { readonly method?: string; readonly size?: number } = {},
) {
  const { method = 'GET', size } = options;
  return request({
    host: '127.0.0.1',
    port,
    path: '/proxy',
    method,
    agent: false,
    headers: {
      'X-AS-Target-URL': target,
      'X-AS-Inject-Bearer': 'SOAK_KEY',
      ...(size === undefined ? {} : { 'content-type': 'application/octet-stream', 'content-length': size }),
    },
  });
}

async function manySlow(broker: ChildProcess, port: number, target: string, count: number): Promise<void> {
  const before = await held(broker);
  const outgoing = Array.from({ length: count }, () => call(port, `${target}/${64 * MiB}`));
  await Promise.all(
    outgoing.map(
      (one) =>
        new Promise<void>((resolve, reject) => {
          one.on('error', reject);
          // Its head is read, and of its body what fits into the buffers on the way.
          one.on('response', (incoming) => {
            incoming.pause();
            incoming.on('error', () => undefined);
            resolve();
          });
          one.end();
        }),
    ),
  );
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  const after = await held(broker);
  judge(`${count} callers that take nothing of 64 MiB each`, before, after, count * 512 * 1024 + 64 * MiB);
  for (const one of outgoing) one.destroy();
}

/** The most that was held while `work` lasted. */
async function watched(broker: ChildProcess, work: Promise<unknown>): Promise<Held> {
  let over = false;
  const done = work.finally(() => {
    over = true;
  });
  let most = await held(broker);
  while (!over) {
    await new Promise((resolve) => setTimeout(resolve, 500));
    const now = await held(broker);
    if (now.rss > most.rss) most = now;
  }
  await done;
  return most;
}

async function upload(port: number, target: string, size: number): Promise<void> {
  const outgoing = call(port, `${target}/`, { method: 'POST', size });
  endless(size).pipe(outgoing);
  const [incoming] = (await once(outgoing, 'response')) as [Readable & { statusCode: number }];
  let text = '';
  for await (const chunk of incoming) text += String(chunk);
  if (incoming.statusCode !== 200 || text !== String(size)) wrong.push(`of ${size} bytes ${text} arrived`);
}

async function download(port: number, target: string, size: number): Promise<void> {
  const outgoing = call(port, `${target}/${size}`);
  outgoing.end();
  const [incoming] = (await once(outgoing, 'response')) as [Readable & { statusCode: number }];
  let came = 0;
  for await (const chunk of incoming) came += (chunk as Buffer).length;
  if (incoming.statusCode !== 200 || came !== size) wrong.push(`of ${size} bytes ${came} came`);
}

/** A gigabyte of which the caller reads the head. */
async function unread(broker: ChildProcess, port: number, target: string): Promise<void> {
  const before = await held(broker);
  const outgoing = call(port, `${target}/${1024 * MiB}`);
  outgoing.on('error', () => undefined).end();
  const [incoming] = (await once(outgoing, 'response')) as [Readable & { statusCode: number }];
  incoming.pause().on('error', () => undefined);
  await new Promise((resolve) => setTimeout(resolve, 5_000));
  judge(`1024 MiB unread, answered ${incoming.statusCode}`, before, await held(broker), 64 * MiB);
  outgoing.destroy();
}

async function hostile(broker: ChildProcess, place: Place): Promise<void> {
  const measured = (what: string, before: Held, most: number) => async (): Promise<void> =>
    judge(what, before, await held(broker), most);
  const ask = async (what: string): Promise<void> => {
    const answer = once(broker, 'message');
    broker.send(what);
    await answer;
  };
  const many = Number(values.dawdling);
  for (const part of ['head', 'body'] as const) {
    const measure = measured(`${many} send a ${part} byte by byte`, await held(broker), many * 96 * 1024);
    say(`  ${told(await dawdle(place, part, many, DAWDLE_S, measure))}`);
  }
  const tunnels = Number(values.tunnels);
  const standing = measured(`${tunnels} tunnels`, await held(broker), tunnels * 128 * 1024);
  const found = await manyTunnels(place, tunnels, standing);
  say(`  ${told(found)}`);
  if (found['200'] !== Math.min(tunnels, LIMITS.tunnels))
    wrong.push(`of ${tunnels} tunnels ${found['200']} stood`);
  const kept = Number(values.kept);
  while ((await held(broker)).openActions > 0) await new Promise((resolve) => setTimeout(resolve, 100));
  const before = await held(broker);
  const ends = await heldCalls(place, kept, async () => {
    for (let now = await held(broker); now.openActions < kept; now = await held(broker))
      await new Promise((resolve) => setTimeout(resolve, 100));
    judge(`${kept} calls wait for a person`, before, await held(broker), kept * 128 * 1024);
    await ask('kill');
  });
  say(`  then a kill switch: ${told(ends)}`);
  if (ends['403 killed'] !== kept)
    wrong.push(`of ${kept} held calls ${ends['403 killed']} were ended by the switch`);
  await ask('unkill');
  const { openActions } = await held(broker);
  if (openActions > 0) wrong.push(`${openActions} calls are open afterwards`);
}

/** Longer than a head may take. */
const DAWDLE_S = 22;

const { directory, remove } = await scratch();
upstream.listen(0, '127.0.0.1');
await once(upstream, 'listening');
const echo = createNetServer((socket) => socket.on('error', () => undefined).pipe(socket));
echo.listen(0, '127.0.0.1');
await once(echo, 'listening');
const upstreamPort = (upstream.address() as AddressInfo).port;
const target = `http://127.0.0.1:${upstreamPort}`;
const broker = fork(
  fileURLToPath(new URL('soak/broker.ts', import.meta.url)),
  [directory, String(upstreamPort), String((echo.address() as AddressInfo).port)],
  {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    execArgv: ['--expose-gc'],
  },
);
const [{ port }] = (await once(broker, 'message')) as [{ port: number }];
// What is compiled and cached with the first calls is no memory of any one.
await upload(port, target, 4 * MiB);
await download(port, target, 4 * MiB);

await manyIdle(broker, port, Number(values.idle));
await manySlow(broker, port, target, Number(values.slow));
await unread(broker, port, target);
await hostile(broker, { port, target, tunnelled: `127.0.0.1:${(echo.address() as AddressInfo).port}` });
const size = Math.round(Number(values.gigabytes) * 1024) * MiB;
const quiet = await held(broker);
for (const [what, work] of [
  ['uploaded', upload],
  ['downloaded', download],
] as const) {
  const started = performance.now();
  const most = await watched(broker, work(port, target, size));
  const seconds = (performance.now() - started) / 1000;
  judge(`${mib(size)} ${what} in ${seconds.toFixed(0)} s`, quiet, most, 96 * MiB);
}
const closed = once(broker, 'message');
broker.send('close');
const [{ errors, lostEntries, open }] = (await closed) as [
  { errors: readonly string[]; lostEntries: number; open: number },
];
upstream.closeAllConnections();
upstream.close();
echo.close();
await remove();
for (const error of errors) wrong.push(`the broker met a bug: ${error}`);
if (lostEntries > 0 || open > 0) wrong.push(`${lostEntries} entries were lost, ${open} actions left open`);
for (const one of wrong) say(`WRONG: ${one}`);
say(wrong.length === 0 ? 'all of it is bounded' : `${wrong.length} things are wrong`);
process.exitCode = wrong.length === 0 ? 0 : 1;
