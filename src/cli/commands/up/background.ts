/** `tally up --background`: starts it, and returns when calls can be made. */
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { ERROR_CODES, type ErrorCode, TallyError } from '../../../core/error.ts';
import type { Context } from '../../context.ts';
import { safe, safeJsonText } from '../../output/safe.ts';
import { refuseSecond } from './second.ts';

/** A start that repairs a large log after a crash takes long, and is not helped by being given up. */
const LONGEST_MS = 120_000;
const LOOK_MS = 50;

/** What `tally up` would print goes into this file of the state directory; each start begins it anew. */
const OUTPUT = 'up.log';

/** `args`: the options of `tally up`. */
export async function upInBackground(
  context: Context,
  args: readonly string[],
  { json }: { readonly json: boolean },
): Promise<void> {
  // Before its file is touched, which is the other one's too.
  await refuseSecond(context);
  const path = join(context.paths.state, OUTPUT);
  const file = openOutput(context.paths.state, path);
  // A session of its own: the end of this terminal is not the end of the recorder.
  const child = spawn(process.execPath, [process.argv[1] ?? '', 'up', '--json', ...args], {
    detached: true,
    stdio: ['ignore', file, file],
  });
  closeSync(file);
  let ended: string | undefined;
  child.once('error', (error) => {
    ended = error.message;
  });
  child.once('exit', (code, signal) => {
    ended = signal ?? `exit code ${code}`;
  });
  const deadline = performance.now() + LONGEST_MS;
  for (;;) {
    // First: what ended has written all that it will.
    const over = ended;
    const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
    const ready = lines.find((line) => line.startsWith('{') && line.includes('"pid"'));
    if (ready !== undefined) {
      child.unref();
      return announce(context, ready, path, json);
    }
    if (over !== undefined) throw failure(lines, over, path);
    if (performance.now() > deadline)
      throw new TallyError('RECORDER_UNAVAILABLE', `pid ${child.pid} is not ready yet`, {
        hint: `cat ${path}; tally status`,
      });
    await pause(LOOK_MS);
  }
}

function openOutput(state: string, path: string): number {
  try {
    mkdirSync(state, { recursive: true, mode: 0o700 });
    writeFileSync(path, '', { mode: 0o600 });
    return openSync(path, 'a', 0o600);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new TallyError('LOG_WRITE_FAILED', `what it prints cannot be kept: ${why}`, {
      hint: `see who may write ${state}, or set TALLY_HOME to a directory that is yours`,
      cause,
    });
  }
}

async function announce(context: Context, ready: string, path: string, json: boolean): Promise<void> {
  if (json) return context.stdout.line(safeJsonText(ready));
  const { pid, proxy_url } = JSON.parse(ready) as { pid: number; proxy_url?: string };
  await context.stdout.line(
    `recording in the background: pid ${pid}${proxy_url === undefined ? '' : `, broker ${safe(proxy_url)}`}`,
  );
  await context.stderr.line(`what it prints: ${safe(path)}; end it: tally down`);
}

/** Its own words, where it had some. */
function failure(lines: readonly string[], how: string, path: string): TallyError {
  for (const line of lines) {
    if (!line.startsWith('{"error":')) continue;
    const { error } = JSON.parse(line) as { error: { code?: string; message?: string; hint?: string } };
    const code = Object.hasOwn(ERROR_CODES, error.code ?? '') ? (error.code as ErrorCode) : 'INTERNAL';
    return new TallyError(code, error.message ?? how, error.hint === undefined ? {} : { hint: error.hint });
  }
  return new TallyError('INTERNAL', `it ended at its start (${how})`, { hint: `cat ${path}` });
}
