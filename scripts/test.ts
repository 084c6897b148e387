/**
 * The test runner behind `npm test`: every test/**\/*.test.ts in a process of its own, a short report, and the totals
 * as the last line. `npm test -- tlog` runs the files whose path contains "tlog".
 *
 * Fails as well when no test ran, a file hangs, node warns about anything, or a process is left behind.
 */
import { globSync, mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Failure, type FileResult, runFile, runningGroups } from './test/file.ts';
import { canLook, kill } from './test/processes.ts';

/** The slowest file takes a fraction of it; a file that needs more hangs. */
const FILE_MS = 180_000;
const SLOWEST = 5;
/** More files at once than processors: many of them wait, for a process, a port or a clock. */
const MORE_JOBS = 1;

const { values, positionals: filters } = parseArgs({
  allowPositionals: true,
  options: {
    root: { type: 'string', default: fileURLToPath(new URL('..', import.meta.url)) },
    'file-ms': { type: 'string', default: String(FILE_MS) },
    jobs: { type: 'string', default: String(availableParallelism() + MORE_JOBS) },
  },
});

const say = (text: string): void => {
  process.stdout.write(`${text}\n`);
};
const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

async function runAll(paths: readonly string[], folder: string): Promise<readonly FileResult[]> {
  const results: FileResult[] = [];
  const waiting = [...paths];
  const worker = async (): Promise<void> => {
    for (let path = waiting.shift(); path !== undefined; path = waiting.shift()) {
      const result = await runFile(path, { root: values.root, folder, limitMs: Number(values['file-ms']) });
      results.push(result);
      const failed = result.failures.length === 0 ? '' : `  ${result.failures.length} failed`;
      say(`${failed === '' ? '✔' : '✖'} ${path}  ${result.passed} passed${failed}  ${seconds(result.ms)}`);
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, Number(values.jobs)) }, worker));
  return results;
}

function report(results: readonly FileResult[], failures: readonly Failure[]): void {
  for (const [i, { title, text }] of failures.entries()) {
    say(`\n✖ ${i + 1}. ${title}\n${text.trimEnd().replace(/^/gm, '    ')}`);
  }
  const slowest = results.toSorted((a, b) => b.ms - a.ms).slice(0, SLOWEST);
  say(`\nslowest: ${slowest.map((r) => `${r.path} ${seconds(r.ms)}`).join(', ')}`);
  if (!canLook) say('left-over processes were not looked for: this system has no /proc');
}

const started = performance.now();
const folder = mkdtempSync(join(tmpdir(), 'tally-test-'));
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    for (const group of runningGroups) kill(-group);
    rmSync(folder, { recursive: true, force: true });
    process.kill(process.pid, signal);
  });
}
try {
  const paths = globSync('test/**/*.test.ts', { cwd: values.root })
    .filter((path) => filters.length === 0 || filters.some((filter) => path.includes(filter)))
    .sort();
  const results = await runAll(paths, folder);
  const failures = results.flatMap((result) => result.failures);
  const passed = results.reduce((sum, result) => sum + result.passed, 0);
  const skipped = results.reduce((sum, result) => sum + result.skipped, 0);
  if (passed + failures.length === 0) {
    failures.push({ title: 'no test ran', text: `files that match: ${paths.length}` });
  }
  report(results, failures);
  say(`${results.length} files in ${seconds(performance.now() - started)}`);
  if (failures.length > 0) process.exitCode = 1;
  // Read by programs: the exact form, and nothing after it.
  say(`${passed} passed, ${failures.length} failed${skipped === 0 ? '' : `, ${skipped} skipped`}`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
