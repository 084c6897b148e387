/**
 * The whole fault matrix: every system call of the recorder on files of its log × {EIO, ENOSPC, SIGKILL}. Writes the
 * cases with what came of them to docs/faults.md once all have run. Interrupted, it goes on where it was.
 *
 *   node scripts/faults.ts [--jobs N] [--only make,torn,…] [--every N] [--go N] [--work DIR]
 *
 * `--every 50` runs each fiftieth case and writes no document. Every `--go`th log is published and verified by the Go
 * program too.
 */
import { execFileSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import {
  type Case,
  casesOf,
  nameOf,
  prepare,
  type Result,
  runCase,
  SCENES,
  type Scene,
  type Stage,
} from '../test/fault/matrix.ts';
import { withGoProgram } from '../test/go/go.ts';
import { type Done, faultsPage } from './faults/page.ts';
import { fingerprint } from './fingerprint.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const PAGE = join(ROOT, 'docs', 'faults.md');

const { values } = parseArgs({
  options: {
    jobs: { type: 'string', default: String(cpus().length) },
    only: { type: 'string' },
    every: { type: 'string', default: '1' },
    go: { type: 'string', default: '100' },
    work: { type: 'string', default: join(tmpdir(), 'tally-faults') },
  },
});

/** Results of another state of the code say nothing about this one. */
function resume(path: string): Map<string, Result> {
  const head = JSON.stringify({ code: fingerprint('test/fault') });
  const [first, ...lines] = existsSync(path) ? readFileSync(path, 'utf8').split('\n') : [];
  if (first !== head) {
    writeFileSync(path, `${head}\n`);
    return new Map();
  }
  // The last line may have been cut short.
  const whole = lines.slice(0, -1).map((line): Result => JSON.parse(line));
  writeFileSync(path, `${[head, ...whole.map((result) => JSON.stringify(result))].join('\n')}\n`);
  return new Map(whole.map((result) => [result.case, result]));
}

const say = (text: string): void => {
  process.stdout.write(`${text}\n`);
};
const jobs = Math.max(1, Number(values.jobs));
const every = Math.max(1, Number(values.every));
const goEvery = Math.max(1, Number(values.go));
const scenes = SCENES.filter((scene) => values.only?.split(',').includes(scene) ?? true);
const whole = every === 1 && scenes.length === SCENES.length;

mkdirSync(values.work, { recursive: true });
const results = join(values.work, 'results.jsonl');
const before = resume(results);
const folder = join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), `tally-faults-${process.pid}`);
mkdirSync(folder);
const shop = { folder, cache: join(values.work, 'cache') };
let stopped = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => {
    stopped = true;
    say('\nfinishing the cases under way; the next call goes on from here');
  });

try {
  const stages = await prepare(shop, scenes);
  const all = stages.flatMap((stage) => casesOf(stage).map((one) => ({ stage, one })));
  const wanted = all.filter((_, i) => i % every === 0);
  const done: Done[] = [];
  const waiting: { readonly stage: Stage; readonly one: Case; readonly number: number }[] = [];
  for (const [number, { stage, one }] of wanted.entries()) {
    const result = before.get(nameOf(one));
    if (result === undefined || result.missed === true) waiting.push({ stage, one, number });
    else done.push({ ...one, result });
  }
  say(
    `${wanted.length} cases${done.length === 0 ? '' : `, ${done.length} of them done before`}, ${jobs} at once`,
  );
  const started = performance.now();
  const from = done.length;

  await withGoProgram('published', async (go) => {
    const worker = async (): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined && !stopped; next = waiting.shift()) {
        const { stage, one, number } = next;
        const outside = number % goEvery === 0 ? go : undefined;
        const result = await runCase(shop, stage, one, outside);
        appendFileSync(results, `${JSON.stringify(result)}\n`);
        done.push({ ...one, result });
        for (const problem of result.problems) say(`✖ ${result.case}\n    ${problem}`);
        if (done.length % 50 !== 0) continue;
        const each = (performance.now() - started) / (done.length - from);
        const left = Math.round(((wanted.length - done.length) * each) / 60_000);
        say(`${done.length} of ${wanted.length}, about ${left} min left`);
      }
    };
    await Promise.all(Array.from({ length: jobs }, worker));
  });

  const failed = done.filter(({ result }) => result.problems.length > 0);
  const missed = done.filter(({ result }) => result.missed === true);
  for (const { result } of missed) say(`not hit: ${result.case}`);
  if (whole && done.length === wanted.length) {
    const outOfReach = stages.reduce((sum, stage) => sum + stage.calls.length * 3 - casesOf(stage).length, 0);
    const strace = execFileSync('strace', ['--version'], { encoding: 'utf8' }).split('\n')[0] ?? '';
    const machine = `Linux ${release()}, Node ${process.versions.node}, ${strace.replace('-- version', '').replace(/\s+/g, ' ')}`;
    const order = new Map<Scene, number>(SCENES.map((scene, i) => [scene, i]));
    done.sort((a, b) => (order.get(a.scene) ?? 0) - (order.get(b.scene) ?? 0));
    writeFileSync(PAGE, faultsPage(done, { outOfReach, machine }));
    say(`wrote ${PAGE}`);
  }
  const minutes = ((performance.now() - started) / 60_000).toFixed(1);
  say(
    `${done.length} of ${wanted.length} cases in ${minutes} min: ${done.length - failed.length - missed.length} passed, ${failed.length} failed, ${missed.length} not hit`,
  );
  if (failed.length > 0 || missed.length > 0 || done.length < wanted.length) process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
