/**
 * Fuzzes every decoder and checker of proofs: at least a million cases each, nearly valid ones. Each target runs in a
 * process of its own, which is killed when a case does not end. Interrupted, it goes on where it was; cases count as long
 * as the files that they run are the same.
 *
 *   node scripts/fuzz.ts [--runs 1000000] [--only TEXT] [--jobs N] [--seed N] [--work DIR]
 *
 * The seed is printed; with `--seed` the same cases come again.
 */
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { GROUPS } from '../test/fuzz/targets.ts';
import { fingerprintOf } from './fingerprint.ts';
import type { Batch } from './fuzz/worker.ts';

const WORKER = fileURLToPath(new URL('fuzz/worker.ts', import.meta.url));
/** A batch of cases takes seconds, also when the machine is busy. */
const HANGS_AFTER_MS = 300_000;

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '1000000' },
    only: { type: 'string' },
    jobs: { type: 'string', default: String(cpus().length) },
    seed: { type: 'string' },
    work: { type: 'string', default: join(tmpdir(), 'tally-fuzz') },
  },
});
const say = (text: string): void => {
  process.stdout.write(`${text}\n`);
};
const runs = Number(values.runs);
const results = join(values.work, 'batches.jsonl');

interface Stored extends Batch {
  /** Of the files that the target runs. */
  readonly code: string;
}

const targets = Object.entries(GROUPS).flatMap(([group, members]) => {
  const code = fingerprintOf(`test/fuzz/targets/${group}.ts`);
  return members.map(({ name }) => ({ name, code }));
});

/** Batches of the same code and seed count; those of others are left out. */
function resume(): { readonly seed: number; readonly done: readonly Stored[] } {
  mkdirSync(values.work, { recursive: true });
  const [first, ...lines] = existsSync(results) ? readFileSync(results, 'utf8').split('\n') : [];
  const before: { readonly seed: number } | undefined =
    first === undefined || first === '' ? undefined : JSON.parse(first);
  const fits = before !== undefined && (values.seed === undefined || Number(values.seed) === before.seed);
  const seed = fits ? before.seed : Number(values.seed ?? randomInt(2 ** 31));
  // The last line may have been cut short.
  const stored = fits ? lines.slice(0, -1).map((line): Stored => JSON.parse(line)) : [];
  const done = stored.filter((batch) =>
    targets.some(({ name, code }) => name === batch.target && code === batch.code),
  );
  writeFileSync(results, [{ seed }, ...done].map((line) => `${JSON.stringify(line)}\n`).join(''));
  return { seed, done };
}

const { seed, done } = resume();
say(`seed ${seed}`);

interface Total {
  runs: number;
  ms: number;
  slowestMs: number;
  failure?: string;
}

const totals = new Map<string, Total>();
let stopped = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => {
    stopped = true;
    say('finishing the batches under way; the next call goes on from here');
  });

/** Runs the rest of one target. Ends at the first failure: the input and the seed of its batch are in it. */
async function fuzz({ name, code }: (typeof targets)[number], total: Total): Promise<void> {
  const child = spawn(process.execPath, [WORKER, name, String(seed), String(runs), String(total.runs)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let rest = '';
  let watchdog: NodeJS.Timeout | undefined;
  const awake = (): void => {
    clearTimeout(watchdog);
    watchdog = setTimeout(() => {
      total.failure = `hangs after ${total.runs} cases of seed ${seed}: killed`;
      child.kill('SIGKILL');
    }, HANGS_AFTER_MS);
  };
  awake();
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    awake();
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const batch: Batch = JSON.parse(line);
      const stored: Stored = { ...batch, code };
      appendFileSync(results, `${JSON.stringify(stored)}\n`);
      add(total, batch);
      if (stopped) child.kill();
    }
  });
  const ended = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  clearTimeout(watchdog);
  if (ended !== 0 && !stopped) total.failure ??= `the process ended with ${ended}`;
}

function add(total: Total, batch: Batch): void {
  total.runs += batch.runs;
  total.ms += batch.ms;
  total.slowestMs = Math.max(total.slowestMs, batch.slowestMs);
  if (batch.failure !== undefined) total.failure = batch.failure;
}

const waiting = targets.filter(({ name }) => name.includes(values.only ?? ''));
if (waiting.length === 0) throw new Error(`no target is called ${values.only}`);
for (const { name } of waiting) {
  const total: Total = { runs: 0, ms: 0, slowestMs: 0 };
  totals.set(name, total);
  // A failure is tried again: the code that makes the input is not what failed.
  for (const batch of done) if (batch.target === name && batch.failure === undefined) add(total, batch);
}
const all = waiting.length;
const started = performance.now();
await Promise.all(
  Array.from({ length: Math.max(1, Number(values.jobs)) }, async () => {
    for (let target = waiting.shift(); target !== undefined && !stopped; target = waiting.shift()) {
      const { name } = target;
      const total = totals.get(name);
      if (total === undefined) continue;
      if (total.runs < runs) await fuzz(target, total);
      const each = ((total.ms * 1000) / Math.max(1, total.runs)).toFixed(1);
      say(
        `${total.failure === undefined ? '✔' : '✖'} ${name}: ${total.runs} cases, ${each} µs each, slowest ${total.slowestMs.toFixed(0)} ms`,
      );
      if (total.failure !== undefined) say(total.failure.replace(/^/gm, '    '));
    }
  }),
);

const failed = [...totals.values()].filter(({ failure }) => failure !== undefined).length;
const short = [...totals.values()].filter((total) => total.runs < runs && total.failure === undefined).length;
const sum = [...totals.values()].reduce((cases, total) => cases + total.runs, 0);
const minutes = ((performance.now() - started) / 60_000).toFixed(1);
say(`seed ${seed}: ${all} targets, ${sum} cases, ${failed} failed, ${short} not finished, ${minutes} min`);
if (failed > 0 || short > 0) process.exitCode = 1;
