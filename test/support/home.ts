/** A machine of its own for end-to-end tests: a temporary home, a clean environment, the real command. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { locate, type Paths } from '../../src/paths.ts';

export const CLI = fileURLToPath(new URL('../../bin/tally.js', import.meta.url));

export interface Home {
  readonly directory: string;
  readonly env: Record<string, string>;
  readonly paths: Paths;
  tally(
    args: readonly string[],
    options?: { readonly input?: string; readonly env?: Record<string, string> },
  ): Promise<Finished>;
  start(args: readonly string[], options?: { readonly env?: Record<string, string> }): ChildProcess;
  /** Kills what is still running and removes everything. */
  remove(): Promise<void>;
}

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Only what a plain shell has: nothing that looks like a coding agent or a recorded run. */
function cleanEnvironment(directory: string): Record<string, string> {
  return {
    PATH: `${join(process.execPath, '..')}:${process.env.PATH ?? ''}`,
    HOME: directory,
    LANG: 'C.UTF-8',
    TZ: 'UTC',
    TALLY_HOME: join(directory, 'home'),
    XDG_RUNTIME_DIR: join(directory, 'run'),
    // Tests run side by side: none may take the port that another one expects.
    TALLY_UI_PORT: '0',
    NO_COLOR: '1',
  };
}

export async function makeHome(): Promise<Home> {
  const directory = await mkdtemp(join(tmpdir(), 'tally-'));
  const env = cleanEnvironment(directory);
  const children = new Set<ChildProcess>();

  function start(
    args: readonly string[],
    options: { readonly env?: Record<string, string> } = {},
  ): ChildProcess {
    const child = spawn(process.execPath, [CLI, ...args], {
      env: { ...env, ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    children.add(child);
    child.on('exit', () => children.delete(child));
    return child;
  }

  return {
    directory,
    env,
    paths: locate({ env, home: directory, tmp: directory, uid: process.getuid?.() ?? 0 }),
    start,
    async tally(args, options = {}) {
      const child = start(args, options.env === undefined ? {} : { env: options.env });
      child.stdin?.end(options.input ?? '');
      return collect(child);
    },
    async remove() {
      await Promise.all(
        [...children].map((child) => {
          const ended = new Promise((resolve) => child.on('exit', resolve));
          child.kill('SIGKILL');
          return ended;
        }),
      );
      await rm(directory, { recursive: true, force: true });
    },
  };
}

export async function collect(child: ChildProcess): Promise<Finished> {
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { code, stdout, stderr };
}

export async function until<T>(
  look: () => Promise<T | undefined> | T | undefined,
  what: string,
  ms = 20_000,
): Promise<T> {
  const deadline = performance.now() + ms;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > deadline) throw new Error(`waited ${ms} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
