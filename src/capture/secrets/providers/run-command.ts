/**
 * Runs the program of another manager of secrets, without a shell: its output is bytes, bounded in size and time, and
 * reaches nobody but the caller. What it says on standard error is told to a person only in so far as it cannot be the
 * value.
 */
import { spawn } from 'node:child_process';
import { LIMITS } from '../../../core/limits.ts';
import { providerError } from '../provider.ts';

export interface CommandRun {
  readonly argv: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Given on its standard input. Nothing secret is ever an argument. */
  readonly input?: Uint8Array;
  readonly timeoutMs: number;
}

export interface CommandResult {
  /** The caller wipes it. */
  readonly stdout: Buffer;
  readonly stderr: string;
  readonly code: number;
}

/** Rejects when it cannot be started, is killed, takes too long or says too much; every exit code is an answer. */
export function runCommand({ argv, env, input, timeoutMs }: CommandRun): Promise<CommandResult> {
  const [program, ...args] = argv;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env: { ...env }, stdio: ['pipe', 'pipe', 'pipe'] });
    const parts: Buffer[] = [];
    let size = 0;
    let stderr = '';
    let refused: Error | undefined;
    const stop = (why: Error): void => {
      refused ??= why;
      child.kill('SIGTERM');
      // What it started may keep our pipes open after it is gone.
      child.stdout.destroy();
      child.stderr.destroy();
      killer ??= setTimeout(() => child.kill('SIGKILL'), LIMITS.providerKillMs);
    };
    let killer: NodeJS.Timeout | undefined;
    const timer = setTimeout(
      () =>
        stop(
          providerError(
            'provider_timeout',
            `${program} did not answer within ${timeoutMs / 1000} s and was stopped`,
            'run it yourself: it may be waiting to be unlocked, or for a network',
          ),
        ),
      timeoutMs,
    );
    const settle = (done: () => void): void => {
      clearTimeout(timer);
      clearTimeout(killer);
      done();
    };
    const wipe = (): void => {
      for (const part of parts) part.fill(0);
    };
    child.stdout.on('data', (part: Buffer) => {
      size += part.length;
      parts.push(part);
      // One more for the line break that programs end their output with.
      if (size <= LIMITS.secretMaxBytes + 2) return;
      stop(
        providerError(
          'value_too_large',
          `${program} gave more than ${LIMITS.secretMaxBytes} bytes`,
          'keep large files elsewhere and store the key that opens them',
        ),
      );
    });
    child.stderr.on('data', (part: Buffer) => {
      if (stderr.length < LIMITS.providerStderrChars) stderr += part.toString('latin1');
    });
    // It may end without reading what it was given.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
    child.on('error', (error) => settle(() => reject(notStarted(program, error))));
    child.on('close', (code, signal) =>
      settle(() => {
        const stdout = Buffer.concat(parts, size);
        wipe();
        if (refused === undefined && code !== null)
          return resolve({ stdout, stderr: stderr.slice(0, LIMITS.providerStderrChars), code });
        stdout.fill(0);
        reject(
          refused ??
            providerError('provider_failed', `${program} was ended by ${signal ?? 'a signal'}`, 'try again'),
        );
      }),
    );
  });
}

function notStarted(program: string, error: Error): Error {
  const code = 'code' in error ? error.code : undefined;
  if (code === 'ENOENT')
    return providerError(
      'provider_unavailable',
      `${program} is not installed`,
      `install it, or name another provider`,
      error,
    );
  return providerError(
    'provider_unavailable',
    `${program} cannot be started (${String(code ?? 'unknown error')})`,
    'look at its mode and owner',
    error,
  );
}

/**
 * The last line of what it complained, for a person. Dropped when it holds any stretch of its output: a program in
 * trouble may print there what it should have kept.
 */
export function complaint({ stderr, stdout }: CommandResult): string {
  const lines = stderr.split('\n').map((line) => line.replace(/[^\x20-\x7e]/g, ' ').trim());
  const last = lines
    .filter((line) => line !== '')
    .at(-1)
    ?.slice(0, 160);
  if (last === undefined) return '';
  const out = stdout.toString('latin1').trim();
  const shared = out.length >= LIMITS.secretMinBytes && stretches(out).some((piece) => last.includes(piece));
  return shared ? '' : `: ${last}`;
}

function stretches(text: string): readonly string[] {
  const size = LIMITS.secretMinBytes;
  const found: string[] = [];
  for (let at = 0; at + size <= Math.min(text.length, 4_096); at++) found.push(text.slice(at, at + size));
  return found;
}
