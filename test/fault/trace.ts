/** Runs the program of the fault suite under strace, alone or with one fault injected into one system call. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Script } from './scripts.ts';

const PROGRAM = fileURLToPath(new URL('program.ts', import.meta.url));
/** The program takes a fraction of a second. */
const HANGS_AFTER_MS = 30_000;

/** What the matrix is about: everything that changes files, and the opening of them. */
export const SYSCALLS = [
  'openat',
  'write',
  'pwrite64',
  'fdatasync',
  'fsync',
  'rename',
  'renameat2',
  'ftruncate',
  'unlink',
  'unlinkat',
  'mkdir',
  'mkdirat',
] as const;
export type Syscall = (typeof SYSCALLS)[number];
export const FAULTS = ['EIO', 'ENOSPC', 'SIGKILL'] as const;
export type Fault = (typeof FAULTS)[number];
/** More temporary files than one run makes. */
const TEMPORARY = 200;
/**
 * Node's file calls run on the main thread, on the one thread of the pool, or on that which writes tiles. strace counts
 * each by itself.
 */
export type Thread = 'main' | 'other';

/** Below the state directory and no part of the log: the operator's policy file, and the directory of the socket. */
const OTHERS = /^(tally\.policy\.yaml|tallystick-\d+(\/.*)?)$/;

/** One system call of the program, the same one in every run. */
export interface Call {
  readonly syscall: Syscall;
  readonly thread: Thread;
  /**
   * Relative to the state directory. Temporary names carry the process and a number: `checkpoint.*.tmp` are all of them,
   * and `000.n*.tmp` those of the thread that writes tiles.
   */
  readonly path: string;
  /** Which call of this kind, by this thread, on this path; from 1. */
  readonly occurrence: number;
}

export interface Traced {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly hung: boolean;
  /** Acknowledged: index and id. */
  readonly acknowledged: readonly (readonly [index: number, id: string])[];
  readonly finished: boolean;
  readonly stderr: string;
  /** Calls on files below the state directory, in order. */
  readonly calls: readonly Call[];
  /** The same, and between them each line that the program said: an acknowledgement. */
  readonly order: readonly (Call | 'said')[];
  /** Those that the fault was injected into. */
  readonly hit: readonly Call[];
}

export interface Places {
  /** Absolute; its own for every run. */
  readonly state: string;
  /** Where the trace goes. */
  readonly trace: string;
  /** Node keeps compiled modules there: what makes thousands of starts bearable. */
  readonly cache: string;
}

const quiet = (cache: string): Record<string, string> => ({
  PATH: process.env.PATH ?? '',
  LANG: 'C.UTF-8',
  TZ: 'UTC',
  NODE_COMPILE_CACHE: cache,
  // Every file call is a system call of its own that strace sees, on one of two threads.
  UV_USE_IO_URING: '0',
  UV_THREADPOOL_SIZE: '1',
});

/**
 * `-D` makes the shell's process the traced one, so its id, which temporary names carry, is known before it starts.
 * `-P` leaves all other files of the process alone, also those that it opened before.
 */
function command(places: Places, inject: { readonly call: Call; readonly fault: Fault } | undefined): string {
  // The filter stops the process for the traced calls only. A stop of that kind loses an injected signal.
  const filter = inject?.fault === 'SIGKILL' ? '' : '--seccomp-bpf ';
  const strace = `exec strace -D -f ${filter}-y -s 0 -o '${places.trace}'`;
  if (inject === undefined) return `${strace} -e trace=${SYSCALLS.join(',')} -- "$@"`;
  const { call, fault } = inject;
  const what = fault === 'SIGKILL' ? `signal=${fault}` : `error=${fault}`;
  return `${strace} -e trace=${call.syscall} ${selected(places.state, call.path)} -e inject=${call.syscall}:${what}:when=${call.occurrence} -- "$@"`;
}

/** A burst that a timer cuts in two shifts the numbers: so the calls on all temporary files of a name are counted together. */
function selected(state: string, path: string): string {
  const [, name, mark] = /^(.*\.)(n?)\*\.tmp$/.exec(path) ?? [];
  if (name === undefined) return `-P "${state}/${path}"`;
  return Array.from({ length: TEMPORARY }, (_, n) => `-P "${state}/${name}$$-${mark}${n}.tmp"`).join(' ');
}

export async function runTraced(
  script: Script,
  places: Places,
  inject?: { readonly call: Call; readonly fault: Fault },
  options: readonly string[] = [],
): Promise<Traced> {
  const child = spawn(
    'sh',
    ['-c', command(places, inject), 'sh', process.execPath, PROGRAM, places.state, script, ...options],
    { env: quiet(places.cache), stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  let hung = false;
  const bound = setTimeout(() => {
    hung = true;
    child.kill('SIGKILL');
  }, HANGS_AFTER_MS);
  // strace is the program's child and holds the same pipes: they close when its output is whole.
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (...how) => resolve(how));
  });
  clearTimeout(bound);
  const pid = child.pid ?? 0;
  const { calls, order, hit } = readTrace(readFileSync(places.trace, 'utf8'), places.state, pid);
  const lines = stdout.slice(0, stdout.lastIndexOf('\n') + 1).split('\n');
  return {
    code,
    signal,
    hung,
    acknowledged: lines.flatMap((line) => {
      const [, index, id] = /^(\d+) (\S+)$/.exec(line) ?? [];
      return index === undefined || id === undefined ? [] : [[Number(index), id] as const];
    }),
    finished: lines.includes('done'),
    stderr,
    calls,
    order,
    hit,
  };
}

/** `4711 write(22</path>, ""..., 453) = -1 EIO (Input/output error) (INJECTED)` */
const LINE = /^(\d+) +(\w+)\((.*)$/;
/** `4711 <... fsync resumed>) = -1 EIO (Input/output error) (INJECTED)`: the other thread came in between. */
const RESUMED = /^(\d+) +<\.\.\. \w+ resumed>.*\(INJECTED\)$/;
/** A call in which the process was killed has no result. */
const CUT_SHORT = / = \?$|<unfinished \.\.\.>$/;

export function readTrace(text: string, state: string, pid: number): Pick<Traced, 'calls' | 'order' | 'hit'> {
  const counts = new Map<string, number>();
  const calls: Call[] = [];
  const order: (Call | 'said')[] = [];
  const hit = new Set<Call>();
  const latest = new Map<string, Call>();
  const killed = text.includes('+++ killed by SIGKILL +++');
  for (const line of text.split('\n')) {
    const resumed = latest.get(RESUMED.exec(line)?.[1] ?? '');
    if (resumed !== undefined) hit.add(resumed);
    const [, id, name, rest] = LINE.exec(line) ?? [];
    const syscall = SYSCALLS.find((one) => one === name);
    if (id === undefined || syscall === undefined || rest === undefined) continue;
    if (syscall === 'write' && rest.startsWith('1<')) order.push('said');
    const path = pathOf(rest, state)?.replace(new RegExp(`\\.${pid}-(n?)\\d+\\.tmp$`), '.$1*.tmp');
    if (path === undefined || OTHERS.test(path)) continue;
    const thread = Number(id) === pid ? 'main' : 'other';
    const key = `${id} ${syscall} ${path}`;
    const occurrence = (counts.get(key) ?? 0) + 1;
    counts.set(key, occurrence);
    const call = { syscall, thread, path, occurrence } as const;
    calls.push(call);
    order.push(call);
    latest.set(id, call);
    if (rest.endsWith('(INJECTED)') || (killed && CUT_SHORT.test(rest))) hit.add(call);
  }
  return { calls, order, hit: [...hit] };
}

/** The first path below the state directory: of the descriptor, or as an argument. */
function pathOf(rest: string, state: string): string | undefined {
  for (const [, descriptor, argument] of rest.matchAll(/\d+<([^>]*)>|"([^"]*)"/g)) {
    const path = descriptor ?? argument ?? '';
    if (path.startsWith(`${state}/`)) return path.slice(state.length + 1);
  }
  return undefined;
}
