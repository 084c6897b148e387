/**
 * The broker against the same path without a log, and against mitmproxy where it is installed. One upstream, one load
 * generator, each in a process of its own; small GET. The unaudited proxy is node:http in front of an undici Pool: what
 * the broker is built on, and nothing else. Where the time goes beyond that is shown by the broker with parts of it left
 * out: nothing recorded, and nothing written.
 */
import { spawnSync } from 'node:child_process';
import { ensureCa } from '../src/capture/ca/authority.ts';
import { caPaths } from '../src/capture/ca/files.ts';
import { BOUNDS } from './proxy/bounds.ts';
import type { LoadResult } from './proxy/load.ts';
import { broker, child, direct, load, mitmproxy, plain, type Serving, stop } from './proxy/serving.ts';
import { inTurn, median, rate, ratio, table } from './stats.ts';
import { scratch } from './support.ts';

const ROUNDS = 3;
const SECONDS = 4;
const CONNECTIONS = 64;

/** As a load of `connections` finds each of them, in turn. */
async function measured(
  servers: Readonly<Record<string, Serving>>,
  connections: number,
): Promise<Record<string, LoadResult[]>> {
  const cases = Object.entries(servers).map(([name, serving]) => [
    name,
    () => load(serving, connections, SECONDS),
  ]);
  return inTurn<LoadResult>(Object.fromEntries(cases), ROUNDS);
}

const middle = (results: readonly LoadResult[], of: (one: LoadResult) => number): number =>
  median(results.map(of));

async function stopAll(servers: Readonly<Record<string, Serving>>): Promise<void> {
  for (const serving of Object.values(servers)) await serving.stop();
}

async function against(upstream: number, withMitmproxy: boolean): Promise<string> {
  const servers: Record<string, Serving> = {
    direct: await direct(upstream),
    plain: await plain(upstream),
    broker: await broker(upstream),
    ...(withMitmproxy ? { mitmproxy: await mitmproxy(upstream) } : {}),
  };
  const names: Record<string, string> = {
    broker: '**broker, durable intent first**',
    plain: 'the same proxy, unaudited (node:http + undici)',
    mitmproxy: 'mitmproxy, reverse mode, no log',
    direct: 'no proxy',
  };
  const rows: string[][] = [];
  let spread = '';
  for (const connections of [1, 64, 256]) {
    const runs = await measured(servers, connections);
    const ours = runs.broker ?? [];
    const plainRuns = runs.plain ?? [];
    const added = median(ours.map(({ p50 }, i) => p50 - (plainRuns[i]?.p50 ?? Number.NaN)));
    if (connections === 256) spread = histogram(ours);
    for (const name of Object.keys(names)) {
      const results = runs[name];
      if (results === undefined) continue;
      rows.push([
        `${connections}: ${names[name]}`,
        rate(middle(results, ({ perSecond }) => perSecond)),
        `${middle(results, ({ p50 }) => p50).toFixed(2)} ms`,
        `${middle(results, ({ p99 }) => p99).toFixed(2)} ms`,
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
  await stopAll(servers);
  return `${table(['connections', 'rate', 'p50', 'p99', 'broker is', 'goal'], rows)}

The broker's answers at 256 connections, by the time they took: ${spread}.`;
}

/** Shares by class, those without any left out. */
function histogram(runs: readonly LoadResult[]): string {
  const upTo = BOUNDS.map((_, i) => middle(runs, (one) => one.histogram[i] ?? 1));
  return BOUNDS.map((bound, i) => ({ bound, share: (upTo[i] ?? 1) - (upTo[i - 1] ?? 0) }))
    .filter(({ share }) => share >= 0.0005)
    .map(({ bound, share }) =>
      Number.isFinite(bound)
        ? `≤ ${bound} ms ${(share * 100).toFixed(1)} %`
        : `more ${(share * 100).toFixed(1)} %`,
    )
    .join(', ');
}

const PARTS = {
  unrecorded: 'calls are decided, nothing is recorded',
  unflushed: 'entries are made and hashed, written nowhere',
  intent: '**durable intent first**',
  reply: '`durability: reply`',
  async: '`durability: async`',
} as const;

/** What of the broker costs what, at 64 connections: rate, and its processor time per call. */
async function parts(upstream: number): Promise<string> {
  const servers: Record<string, Serving> = {};
  for (const mode of Object.keys(PARTS) as (keyof typeof PARTS)[])
    servers[mode] = await broker(upstream, { mode });
  return compared(servers, PARTS, 'unrecorded', 'of the first row');
}

/** TLS from the caller, which ends in the broker, and to the upstream. Handshakes are before the measurement. */
async function tls(upstream: number): Promise<string> {
  const { directory, remove } = await scratch();
  await ensureCa({ state: directory }, Date.now);
  const secured = await child('upstream.ts', [directory]);
  const upstreamCa = caPaths({ state: directory }).certificate;
  const servers = {
    plain: await broker(upstream),
    out: await broker(secured.port, { upstreamCa }),
    both: await broker(secured.port, { upstreamCa, connect: true }),
  };
  const text = await compared(
    servers,
    {
      plain: 'no TLS',
      out: 'TLS to the upstream',
      both: 'CONNECT: TLS from the caller and to the upstream',
    },
    'plain',
    'of the first row',
  );
  await stop(secured.process);
  await remove();
  return text;
}

async function compared(
  servers: Readonly<Record<string, Serving>>,
  names: Readonly<Record<string, string>>,
  base: string,
  share: string,
): Promise<string> {
  const spent: Record<string, number[]> = {};
  const timed = Object.entries(servers).map(([name, serving]) => [
    name,
    async () => {
      const before = (await serving.cpuSeconds?.()) ?? Number.NaN;
      const result = await load(serving, CONNECTIONS, SECONDS);
      const after = (await serving.cpuSeconds?.()) ?? Number.NaN;
      // The warm-up of a second is in the processor time too.
      const calls = result.requests * ((SECONDS + 1) / SECONDS);
      spent[name] = [...(spent[name] ?? []), ((after - before) / calls) * 1_000_000];
      return result;
    },
  ]);
  const runs = await inTurn<LoadResult>(Object.fromEntries(timed), ROUNDS);
  const rows = Object.entries(names).map(([name, shown]) => {
    const results = runs[name] ?? [];
    return [
      shown,
      rate(middle(results, ({ perSecond }) => perSecond)),
      `${middle(results, ({ p99 }) => p99).toFixed(2)} ms`,
      `${median((spent[name] ?? []).slice(1)).toFixed(0)} µs`,
      name === base
        ? ''
        : `${ratio(
            results.map((one) => one.perSecond),
            (runs[base] ?? []).map((one) => one.perSecond),
          ).toFixed(2)} ×`,
    ];
  });
  await stopAll(servers);
  return table([`${CONNECTIONS} connections`, 'rate', 'p99', 'CPU a call', share], rows);
}

export async function run(): Promise<string> {
  const upstream = await child('upstream.ts', []);
  const withMitmproxy = spawnSync('mitmdump', ['--version']).status === 0;
  const main = await against(upstream.port, withMitmproxy);
  const inside = await parts(upstream.port);
  const secured = await tls(upstream.port);
  await stop(upstream.process);
  return `## proxy

${main}
${withMitmproxy ? '' : '\nmitmproxy is not installed here: `apt-get install mitmproxy` adds its row.\n'}
Where the time goes, in the broker's process:

${inside}

${secured}
`;
}

function goal(name: string, connections: number, addedMs: number): string {
  if (name === 'plain' && connections === 64) return '≥ 0.6 ×';
  if (name === 'mitmproxy' && connections === 64) return '≥ 10 ×';
  if (name === 'broker' && connections === 1) return `added p50 ${addedMs.toFixed(2)} ms (≤ 0.6 ms)`;
  if (name === 'broker' && connections === 256) return 'p99 < 100 ms';
  return '';
}
