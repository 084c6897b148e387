/** Runs one test file in a process group of its own and says everything that can be wrong with it. */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { kill, MARK, type Survivor, survivors } from './processes.ts';
import type { Line } from './reporter.ts';

const REPORTER = fileURLToPath(new URL('reporter.ts', import.meta.url));
/** A child that was told to stop may need this long; after it, it is left over. */
const GRACE_MS = 1_000;
/** Enough to see what a crash was; a runaway log must not fill the memory. */
const OUTPUT_CHARS = 20_000;

export interface Failure {
  readonly title: string;
  readonly text: string;
}

export interface FileResult {
  readonly path: string;
  readonly passed: number;
  readonly skipped: number;
  readonly failures: readonly Failure[];
  readonly ms: number;
}

/** Ids of the process groups that run now, for whoever has to end them early. */
export const runningGroups = new Set<number>();

async function leftOver(group: number, mark: string): Promise<readonly Survivor[]> {
  for (const end = performance.now() + GRACE_MS; ; await sleep(50)) {
    const found = survivors(group, mark);
    if (found.length === 0 || performance.now() > end) return found;
  }
}

function readLines(path: string): readonly Line[] {
  const text = readFileSync(path, 'utf8');
  // The last line of a file that was killed may be half written.
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  return whole
    .split('\n')
    .filter((line) => line !== '')
    .map((line): Line => JSON.parse(line));
}

/** node's warnings: "(node:1) ExperimentalWarning: …", "MaxListenersExceededWarning: …". */
export function warningsIn(stderr: string): readonly string[] {
  return stderr.split('\n').filter((line) => /^\(node:\d+\)|\b[A-Z]\w*Warning:/.test(line));
}

export async function runFile(
  path: string,
  { root, folder, limitMs }: { readonly root: string; readonly folder: string; readonly limitMs: number },
): Promise<FileResult> {
  const started = performance.now();
  const report = join(folder, `${randomUUID()}.jsonl`);
  // Node opens the report only once the file has loaded; one that does not load reports nothing.
  writeFileSync(report, '');
  const mark = randomUUID();
  // Hundreds of processes load the same modules: what was compiled once is read back, a sixth of their time.
  const env = { NODE_COMPILE_CACHE: join(folder, 'compiled'), ...process.env, [MARK]: mark };
  const child = spawn(
    process.execPath,
    ['--trace-warnings', `--test-reporter=${REPORTER}`, `--test-reporter-destination=${report}`, path],
    { cwd: root, detached: true, stdio: ['ignore', 'pipe', 'pipe'], env },
  );
  const group = child.pid;
  if (group === undefined) throw new Error(`cannot start ${process.execPath}`);
  runningGroups.add(group);
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout = (stdout + text).slice(-OUTPUT_CHARS);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-OUTPUT_CHARS);
  });
  let hung = false;
  const bound = setTimeout(() => {
    hung = true;
    kill(-group);
  }, limitMs);
  // 'exit' and not 'close': a child left behind may hold the pipes open for ever.
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', resolve);
  });
  clearTimeout(bound);
  const left = await leftOver(group, mark);
  for (const { pid } of left) kill(pid);
  if (left.length > 0) await leftOver(group, mark);
  runningGroups.delete(group);

  const lines = readLines(report);
  const failures: Failure[] = lines
    .filter((line) => line.kind === 'fail')
    .map((line) => ({
      title: `${line.name}  (${line.file ?? path}:${line.line ?? 1})`,
      text: line.error ?? '',
    }));
  const passed = lines.filter((line) => line.kind === 'pass').length;
  const skipped = lines.filter((line) => line.kind === 'skip').length;
  const output = [stdout, stderr].filter((text) => text !== '').join('\n');
  const add = (what: string, text: string): void => {
    failures.push({ title: `${path}  ${what}`, text });
  };
  if (hung)
    add(
      `hung: killed after ${limitMs} ms`,
      `running: ${stillRunning(lines).join(', ') || 'unknown'}\n${output}`,
    );
  else if (failures.length === 0 && code !== 0) add(`ended with code ${code}`, output);
  else if (passed + skipped + failures.length === 0) add('has no test', output);
  const warnings = warningsIn(stderr);
  if (warnings.length > 0) add('warned on stderr', warnings.join('\n'));
  if (left.length > 0) {
    add('left processes behind (killed now)', left.map((p) => `${p.pid} ${p.command}`).join('\n'));
  }
  return { path, passed, skipped, failures, ms: performance.now() - started };
}

function stillRunning(lines: readonly Line[]): readonly string[] {
  const running: string[] = [];
  for (const { kind, name } of lines) {
    if (kind === 'running') running.push(name);
    else if (kind === 'ended' && running.includes(name)) running.splice(running.indexOf(name), 1);
  }
  return running;
}
