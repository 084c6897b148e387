/**
 * Many calls of many kinds through one broker: keep-alive and not, small and large bodies, some blocked, some whose
 * caller goes away, some whose upstream does. At the end the upstream's own count, the callers' and the log have to say
 * the same, the log has to verify, and memory and descriptors must have stopped growing long before.
 *
 *   node scripts/soak.ts [--calls 5000000] [--minutes N] [--connections 64] [--seed N] [--every SECONDS] [--keep]
 *
 * Five million calls are ten million entries: an hour or less, and some gigabytes beside the project (sealed segments are
 * smaller than what is written).
 */
import { type ChildProcess, fork } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { scratch } from '../bench/support.ts';
import { directoryBlocks } from '../src/cli/log-source.ts';
import { verifyLog } from '../src/core/tlog/verify.ts';
import { fileReader } from '../src/store/file/reader.ts';
import type { Held } from './soak/broker.ts';
import { growthOf } from './soak/flat.ts';
import { type Ledger, readLedger } from './soak/ledger.ts';
import { createLoad, KINDS, type Seen } from './soak/load.ts';

const { values } = parseArgs({
  options: {
    calls: { type: 'string', default: '5000000' },
    minutes: { type: 'string' },
    connections: { type: 'string', default: '64' },
    seed: { type: 'string', default: String(randomInt(2 ** 32)) },
    every: { type: 'string', default: '60' },
    keep: { type: 'boolean', default: false },
  },
});
const say = (text: string): void => {
  process.stdout.write(`${text}\n`);
};
const MiB = 1024 * 1024;
const mib = (bytes: number): string => `${(bytes / MiB).toFixed(1)} MiB`;

async function child(file: string, args: readonly string[], execArgv: string[] = []): Promise<ChildProcess> {
  const path = fileURLToPath(new URL(`soak/${file}`, import.meta.url));
  return fork(path, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], execArgv });
}

async function ask<T>(of: ChildProcess, question: string): Promise<T> {
  const answer = once(of, 'message');
  of.send(question);
  return ((await answer) as [T])[0];
}

/** xorshift32: the same calls again for the same seed. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state / 2 ** 32;
  };
}

interface Closed {
  readonly vkey: string;
  readonly lostEntries: number;
  readonly open: number;
  readonly errors: readonly string[];
}

/** The callers, the upstream and the log, each by its own count. What one of them may know more of than another is said. */
function compare(seen: Seen, upstream: Readonly<Record<string, number>>, { begun, ended }: Ledger): string[] {
  const wrong: string[] = [];
  const same = (what: string, a: number | undefined, b: number | undefined): void => {
    if ((a ?? 0) !== (b ?? 0)) wrong.push(`${what}: ${a ?? 0} and ${b ?? 0}`);
  };
  const sum = (counts: Readonly<Record<string, number>>): number =>
    Object.values(counts).reduce((all, one) => all + one, 0);
  for (const kind of ['plain', 'upload', 'close'] as const) {
    same(`${kind}: calls, and those with a 200`, sum(seen[kind]), seen[kind]['200']);
    same(`${kind}: at the upstream, and in the log as ok`, upstream[kind], ended[`${kind} ok`]);
    same(`${kind}: at the upstream, and with the callers`, upstream[kind], seen[kind]['200']);
    same(`${kind}: begun and ended`, begun[`${kind} allow`], ended[`${kind} ok`]);
  }
  same('blocked: calls, and those with a 403', sum(seen.blocked), seen.blocked['403']);
  same('blocked: in the log, and with the callers', ended['blocked blocked'], seen.blocked['403']);
  same('blocked: at the upstream, and none', upstream.blocked, 0);
  same('broken: calls, and those with a 502', sum(seen.broken), seen.broken['502']);
  same('broken: at the upstream, and in the log as errors', upstream.broken, ended['broken error']);
  // Who goes away before the head of the request is read was never there; whoever goes after the end has its answer.
  const slow = (ended['slow ok'] ?? 0) + (ended['slow aborted'] ?? 0);
  same('slow: begun and ended', begun['slow allow'], slow);
  if ((seen.slow['200'] ?? 0) > (ended['slow ok'] ?? 0))
    wrong.push(`slow: ${seen.slow['200']} whole answers, and ${ended['slow ok']} in the log`);
  if ((upstream.slow ?? 0) > slow)
    wrong.push(`slow: ${upstream.slow} at the upstream, and ${slow} in the log`);
  return wrong;
}

/** What may be added between the second and the last quarter of a run. */
const BOUNDS = {
  rss: { share: 0.1, slack: 32 * MiB },
  heap: { share: 0.05, slack: 4 * MiB },
  external: { share: 0.1, slack: 8 * MiB },
  descriptors: { share: 0, slack: 16 },
} as const;

function compareMemory(samples: readonly Held[]): string[] {
  const wrong: string[] = [];
  for (const [name, { share, slack }] of Object.entries(BOUNDS)) {
    const key = name as keyof typeof BOUNDS;
    const { early, late, flat } = growthOf(
      samples.map((held) => held[key]),
      share,
      slack,
    );
    const shown = (value: number): string => (key === 'descriptors' ? String(value) : mib(value));
    say(`${name}: ${shown(early)} in the second quarter, ${shown(late)} in the last`);
    if (!flat) wrong.push(`${name} grows`);
  }
  return wrong;
}

const { directory, remove } = await scratch();
const upstream = await child('upstream.ts', []);
const [{ port: upstreamPort }] = (await once(upstream, 'message')) as [{ port: number }];
const broker = await child('broker.ts', [directory, String(upstreamPort)], ['--expose-gc']);
const [{ port }] = (await once(broker, 'message')) as [{ port: number }];
const seed = Number(values.seed);
say(`seed ${seed}; broker ${broker.pid}, upstream ${upstream.pid}, log in ${directory}`);

const load = createLoad({ broker: port, upstream: upstreamPort, random: randomOf(seed) });
const most = values.minutes === undefined ? Number(values.calls) : Number.POSITIVE_INFINITY;
const until = performance.now() + Number(values.minutes ?? Number.POSITIVE_INFINITY) * 60_000;
const samples: Held[] = [];
const started = performance.now();
let before = 0;
async function look(): Promise<void> {
  const held = await ask<Held>(broker, 'held');
  samples.push(held);
  const done = load.calls();
  const { rss, heap, external, descriptors, active, openActions } = held;
  say(
    `${((performance.now() - started) / 1000).toFixed(0).padStart(6)} s  ${done} calls (+${done - before})  rss ${mib(rss)}  heap ${mib(heap)}  external ${mib(external)}  descriptors ${descriptors}  under way ${active}  open ${openActions}`,
  );
  before = done;
}
const timer = setInterval(() => void look(), Number(values.every) * 1000);
await load.run(Number(values.connections), () => load.calls() < most && performance.now() < until);
clearInterval(timer);
await look();
load.close();
const seconds = (performance.now() - started) / 1000;
const counted = await ask<Record<string, number>>(upstream, 'counts');
const closed = await ask<Closed>(broker, 'close');
upstream.kill('SIGTERM');
say(`${load.calls()} calls in ${seconds.toFixed(0)} s (${(load.calls() / seconds).toFixed(0)}/s)`);
for (const kind of KINDS) say(`  ${kind.padEnd(8)} ${JSON.stringify(load.seen[kind])}`);
say(`  upstream ${JSON.stringify(counted)}`);

const log = join(directory, 'logs', 'local');
const ledger = await readLedger(log);
say(`  begun    ${JSON.stringify(ledger.begun)}\n  ended    ${JSON.stringify(ledger.ended)}`);
const report = await verifyLog(
  { ...directoryBlocks(fileReader(log)), origin: 'bench.example/local', vkeys: [] },
  { pinned: [closed.vkey] },
);
const verified = [report.integrity, report.tiles, report.chain, report.signatures].map(
  ({ status }) => status,
);
say(`${report.entries} entries: integrity, tiles, chain, signatures: ${verified.join(', ')}`);
const wrong = [
  ...closed.errors.map((error) => `the broker met a bug: ${error}`),
  ...(closed.lostEntries > 0 ? [`${closed.lostEntries} entries were lost`] : []),
  ...(closed.open > 0 ? [`${closed.open} actions were left open`] : []),
  ...ledger.wrong,
  ...compare(load.seen, counted, ledger),
  ...(verified.every((status) => status === 'pass') ? [] : ['the log does not verify']),
  ...compareMemory(samples),
];
if (!values.keep) await remove();
for (const one of wrong) say(`WRONG: ${one}`);
say(wrong.length === 0 ? 'everything agrees' : `${wrong.length} things are wrong`);
process.exitCode = wrong.length === 0 ? 0 : 1;
