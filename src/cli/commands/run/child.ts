/** The recorded command itself: started as env(1) would, signals passed on, its end told exactly. */
import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import type { Matcher } from '../../../core/redact/matcher.ts';
import { maskInto } from './mask.ts';

export type ChildEnd =
  | { readonly kind: 'exit'; readonly code: number }
  | { readonly kind: 'signal'; readonly signal: NodeJS.Signals }
  /** It never ran: env(1)'s 127 and 126. */
  | { readonly kind: 'unstartable'; readonly code: 126 | 127; readonly message: string };

export interface Child {
  readonly pid: number | undefined;
  readonly ended: Promise<ChildEnd>;
}

/**
 * Sent to us and meant for the command. Not SIGINT and SIGQUIT on a terminal: there the kernel sends them to the whole
 * foreground group, the command included, and a second copy would make "press Ctrl-C twice to quit" quit at once.
 */
const PASSED: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'];
const FROM_TERMINAL: readonly NodeJS.Signals[] = ['SIGINT', 'SIGQUIT'];

/** From here on those signals end the command and not us: the run's end has to be recorded. */
export function startChild(
  command: string,
  args: readonly string[],
  options: {
    readonly env: NodeJS.ProcessEnv;
    readonly onTerminal: boolean;
    /** Values that are taken out of what the command prints, where that goes to no terminal. */
    readonly mask?: Matcher;
  },
): Child {
  let child: ChildProcess | undefined;
  const pass = (signal: NodeJS.Signals): void => void child?.kill(signal);
  const hold = (): void => undefined;
  for (const signal of PASSED) process.on(signal, pass);
  for (const signal of FROM_TERMINAL) process.on(signal, options.onTerminal ? hold : pass);

  // On a terminal the command has it for itself: behind a pipe it would show no colours and no prompts.
  const masked = [process.stdout, process.stderr].map((to) => options.mask !== undefined && !to.isTTY);
  const outputs = masked.map((through) => (through ? 'pipe' : 'inherit'));

  const ended = new Promise<ChildEnd>((resolve) => {
    const failed = (error: NodeJS.ErrnoException): void => {
      // Windows apart, ENOENT can also mean a missing interpreter in the first line of a script.
      const code = error.code === 'ENOENT' || error.code === 'ENOTDIR' ? 127 : 126;
      resolve({ kind: 'unstartable', code, message: describe(command, error) });
    };
    try {
      child = spawn(command, [...args], { stdio: ['inherit', ...outputs], env: options.env });
    } catch (error) {
      // Arguments that no system call takes, for example one with a NUL byte.
      failed(error instanceof Error ? error : new Error(String(error)));
      return;
    }
    child.on('error', (error) => {
      // Also told when a signal could not be sent; only a child that never ran ends here.
      if (child?.pid === undefined) failed(error);
    });
    const done = [
      maskInto(child.stdout, process.stdout, options.mask),
      maskInto(child.stderr, process.stderr, options.mask),
    ];
    child.on('exit', async (code, signal) => {
      // Until all that holds its output has ended, as a pipe in a shell would wait.
      await Promise.all(done);
      resolve(signal === null ? { kind: 'exit', code: code ?? 0 } : { kind: 'signal', signal });
    });
  });
  return { pid: child?.pid, ended };
}

function describe(command: string, error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return `${command}: no such command`;
    case 'EACCES':
    case 'EPERM':
      return `${command}: it may not be executed`;
    case 'ENOEXEC':
      return `${command}: it is no program that this system can execute`;
    case 'E2BIG':
      return `${command}: the arguments and the environment are too long`;
    default:
      return `${command}: ${error.message}`;
  }
}

/** What a shell would show: the code, or 128 plus the number of the signal. */
export function exitCodeOf(end: ChildEnd): number {
  return end.kind === 'signal' ? 128 + constants.signals[end.signal] : end.code;
}
