/**
 * The broker against the same path without a log, and against mitmproxy where it is installed. One upstream, one load
 * generator, each in a process of its own; small GET, no TLS. The unaudited proxy is node:http in front of an undici
 * Pool: what the broker is built on, and nothing else.
 */
import { type ChildProcess, fork, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { LoadResult } from './proxy/load.ts';
import { inTurn, median, rate, ratio, table } from './stats.ts';
import { scratch } from './support.ts';

const here = (file: string): string => fileURLToPath(new URL(`./proxy/${file}`, import.meta.url));

interface Serving {
  readonly url: string;
  readonly headers: Record<string, string>;
  stop(): Promise<void>;
}

async function child(
  file: string,
  args: readonly string[],
): Promise<{ process: ChildProcess; port: number }> {
  const process = fork(here(file), args, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const [message] = (await once(process, 'message')) as [{ port: number }];
  return { process, port: message.port };
}

async function stop(process: ChildProcess): Promise<void> {
  const ended = once(process, 'exit');
  process.kill('SIGTERM');
  await ended;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function controlHeaders(upstream: number): Record<string, string> {
  return { 'X-AS-Target-URL': `http://127.0.0.1:${upstream}/v1/things`, 'X-AS-Inject-Bearer': 'BENCH_KEY' };
}

async function broker(upstream: number): Promise<Serving> {
  const { directory, remove } = await scratch();
  const { process, port } = await child('broker.ts', [directory, String(upstream)]);
  return {
    url: `http://127.0.0.1:${port}/proxy`,
    headers: controlHeaders(upstream),
    async stop() {
      await stop(process);
      await remove();
    },
  };
}

async function plain(upstream: number): Promise<Serving> {
  const { process, port } = await child('plain.ts', [String(upstream)]);
  return {
    url: `http://127.0.0.1:${port}/v1/things`,
    headers: controlHeaders(upstream),
    stop: () => stop(process),
  };
}

async function direct(upstream: number): Promise<Serving> {
  return { url: `http://127.0.0.1:${upstream}/v1/things`, headers: {}, stop: async () => undefined };
}

async function mitmproxy(upstream: number): Promise<Serving> {
  const port = await freePort();
  const process = spawn(
    'mitmdump',
    [
      '-q',
      '--listen-host',
      '127.0.0.1',
      '-p',
      String(port),
      '--mode',
      `reverse:http://127.0.0.1:${upstream}`,
    ],
    { stdio: 'ignore' },
  );
  for (let tries = 0; tries < 200; tries++) {
    const up = await fetch(`http://127.0.0.1:${port}/v1/things`).then(
      (response) => response.ok,
      () => false,
    );
    if (up) break;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return { url: `http://127.0.0.1:${port}/v1/things`, headers: {}, stop: () => stop(process) };
}

async function load(serving: Serving, connections: number, seconds: number): Promise<LoadResult> {
  const process = fork(
    here('load.ts'),
    [serving.url, String(connections), String(seconds), JSON.stringify(serving.headers)],
    {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    },
  );
  const [result] = (await once(process, 'message')) as [LoadResult];
  await once(process, 'exit');
  if (result.failed > 0)
    throw new Error(`${result.failed} of ${result.requests} requests to ${serving.url} failed`);
  return result;
}

const ROUNDS = 3;
const SECONDS = 4;

export async function run(): Promise<string> {
  const upstream = await child('upstream.ts', []);
  const withMitmproxy = spawnSync('mitmdump', ['--version']).status === 0;
  const servers: Record<string, Serving> = {
    direct: await direct(upstream.port),
    plain: await plain(upstream.port),
    broker: await broker(upstream.port),
    ...(withMitmproxy ? { mitmproxy: await mitmproxy(upstream.port) } : {}),
  };
  const names: Record<string, string> = {
    broker: '**broker, durable intent first**',
    plain: 'the same proxy, unaudited (node:http + undici)',
    mitmproxy: 'mitmproxy, reverse mode, no log',
    direct: 'no proxy',
  };
  const rows: string[][] = [];
  for (const connections of [1, 64, 256]) {
    const runs = await inTurn<LoadResult>(
      Object.fromEntries(
        Object.entries(servers).map(([name, serving]) => [name, () => load(serving, connections, SECONDS)]),
      ),
      ROUNDS,
    );
    const ours = runs.broker ?? [];
    const plainRuns = runs.plain ?? [];
    const added = median(ours.map(({ p50 }, i) => p50 - (plainRuns[i]?.p50 ?? Number.NaN)));
    for (const name of Object.keys(names)) {
      const results = runs[name];
      if (results === undefined) continue;
      rows.push([
        `${connections}: ${names[name]}`,
        rate(median(results.map(({ perSecond }) => perSecond))),
        `${median(results.map(({ p50 }) => p50)).toFixed(2)} ms`,
        `${median(results.map(({ p99 }) => p99)).toFixed(2)} ms`,
        name === 'broker'
          ? ''
          : `${ratio(
              ours.map((r) => r.perSecond),
              results.map((r) => r.perSecond),
            ).toFixed(2)} ×`,
        goal(name, connections, added),
      ]);
    }
  }
  for (const serving of Object.values(servers)) await serving.stop();
  await stop(upstream.process);
  return `## proxy

${table(['connections', 'rate', 'p50', 'p99', 'broker is', 'goal'], rows)}
${withMitmproxy ? '' : '\nmitmproxy is not installed here: `apt-get install mitmproxy` adds its row.\n'}`;
}

function goal(name: string, connections: number, addedMs: number): string {
  if (name === 'plain' && connections === 64) return '≥ 0.6 ×';
  if (name === 'mitmproxy' && connections === 64) return '≥ 10 ×';
  if (name === 'broker' && connections === 1) return `added p50 ${addedMs.toFixed(2)} ms (≤ 0.6 ms)`;
  if (name === 'broker' && connections === 256) return 'p99 < 100 ms';
  return '';
}
