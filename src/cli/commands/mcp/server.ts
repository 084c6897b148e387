/** The wrapped server: started as its client would have started it, signals passed on, its end told exactly. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import type { ChildEnd } from '../run/child.ts';

export interface Server {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly ended: Promise<ChildEnd>;
}

const PASSED: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'];
/** A terminal sends these to the whole group, the server included. */
const FROM_TERMINAL: readonly NodeJS.Signals[] = ['SIGINT', 'SIGQUIT'];

/** From here on signals end the server and not us: how its calls ended has to be recorded. Its standard error is ours. */
export function startServer(
  command: string,
  args: readonly string[],
  { env, onTerminal }: { readonly env: NodeJS.ProcessEnv; readonly onTerminal: boolean },
): Server | Extract<ChildEnd, { kind: 'unstartable' }> {
  let child: ChildProcessByStdio<Writable, Readable, null>;
  try {
    child = spawn(command, [...args], { stdio: ['pipe', 'pipe', 'inherit'], env });
  } catch (error) {
    return unstartable(command, error);
  }
  const pass = (signal: NodeJS.Signals): void => void child.kill(signal);
  for (const signal of PASSED) process.on(signal, pass);
  for (const signal of FROM_TERMINAL) process.on(signal, onTerminal ? () => undefined : pass);
  const ended = new Promise<ChildEnd>((resolve) => {
    child.on('error', (error) => {
      // Also told when a signal could not be sent; only a server that never ran ends here.
      if (child.pid === undefined) resolve(unstartable(command, error));
    });
    child.on('exit', (code, signal) =>
      resolve(signal === null ? { kind: 'exit', code: code ?? 0 } : { kind: 'signal', signal }),
    );
  });
  return { stdin: child.stdin, stdout: child.stdout, ended };
}

function unstartable(command: string, error: unknown): Extract<ChildEnd, { kind: 'unstartable' }> {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const isMissing = code === 'ENOENT' || code === 'ENOTDIR';
  const message = `${command}: ${isMissing ? 'no such command' : `it cannot be executed (${code || String(error)})`}`;
  return { kind: 'unstartable', code: isMissing ? 127 : 126, message };
}
