/** What the proxy benchmark puts load on, each in a process of its own. */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { ensureCa } from '../../src/capture/ca/authority.ts';
import { caPaths } from '../../src/capture/ca/files.ts';
import { scratch } from '../support.ts';
import type { LoadResult } from './load.ts';

const here = (file: string): string => fileURLToPath(new URL(`./${file}`, import.meta.url));

export interface Serving {
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly proxy?: { readonly url: string; readonly ca: string };
  /** Processor time of its process so far. */
  cpuSeconds?(): Promise<number>;
  stop(): Promise<void>;
}

export async function child(
  file: string,
  args: readonly string[],
  execArgv: readonly string[] = [],
): Promise<{ process: ChildProcess; port: number }> {
  const process = fork(here(file), args, {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    execArgv: [...execArgv],
  });
  const [message] = (await once(process, 'message')) as [{ port: number }];
  return { process, port: message.port };
}

export async function stop(process: ChildProcess): Promise<void> {
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

export interface BrokerCase {
  readonly mode?: 'intent' | 'reply' | 'async' | 'unflushed' | 'unrecorded';
  /** The upstream speaks TLS, for localhost, with a certificate of this authority. */
  readonly upstreamCa?: string;
  /** Where a profile of its processor time is put when it ends. */
  readonly profile?: string;
  /** The caller uses the broker as its proxy: CONNECT, with TLS inside that ends there. */
  readonly connect?: boolean;
}

export async function broker(
  upstream: number,
  { mode = 'intent', upstreamCa, connect = false, profile }: BrokerCase = {},
): Promise<Serving> {
  const { directory, remove } = await scratch();
  const ca = upstreamCa === undefined ? [] : [upstreamCa];
  const { process, port } = await child(
    'broker.ts',
    [directory, String(upstream), mode, ...ca],
    profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`],
  );
  if (connect) await ensureCa({ state: directory }, Date.now);
  const target =
    upstreamCa === undefined
      ? `http://127.0.0.1:${upstream}/v1/things`
      : `https://localhost:${upstream}/v1/things`;
  return {
    ...(connect
      ? {
          url: target,
          headers: {},
          proxy: { url: `http://127.0.0.1:${port}`, ca: caPaths({ state: directory }).certificate },
        }
      : {
          url: `http://127.0.0.1:${port}/proxy`,
          headers: { 'X-AS-Target-URL': target, 'X-AS-Inject-Bearer': 'BENCH_KEY' },
        }),
    cpuSeconds: () => cpuSeconds(process),
    async stop() {
      await stop(process);
      await remove();
    },
  };
}

async function cpuSeconds(process: ChildProcess): Promise<number> {
  const answer = once(process, 'message');
  process.send('cpu');
  return ((await answer) as [number])[0];
}

export async function plain(upstream: number): Promise<Serving> {
  const { process, port } = await child('plain.ts', [String(upstream)]);
  return {
    url: `http://127.0.0.1:${port}/v1/things`,
    headers: controlHeaders(upstream),
    cpuSeconds: () => cpuSeconds(process),
    stop: () => stop(process),
  };
}

export async function direct(upstream: number): Promise<Serving> {
  return { url: `http://127.0.0.1:${upstream}/v1/things`, headers: {}, stop: async () => undefined };
}

export async function mitmproxy(upstream: number): Promise<Serving> {
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

export async function load(serving: Serving, connections: number, seconds: number): Promise<LoadResult> {
  const process = fork(
    here('load.ts'),
    [
      serving.url,
      String(connections),
      String(seconds),
      JSON.stringify(serving.headers),
      ...(serving.proxy === undefined ? [] : [serving.proxy.url, serving.proxy.ca]),
    ],
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
