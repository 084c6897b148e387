/** The git program: arguments as a list, no shell, nothing of the repository executed, everything bounded. */
import { spawn } from 'node:child_process';
import { decodeUtf8 } from '../../core/bytes.ts';
import { TallyError } from '../../core/error.ts';
import { LIMITS } from '../../core/limits.ts';

/** Of this process; only what git needs to reach a remote is handed on. */
export type GitEnvironment = Readonly<Record<string, string | undefined>>;

/** Strings are arguments; bytes are standard input. All throw ANCHOR_FAILED with what git said. */
export interface Git {
  bytes(...args: readonly (string | Uint8Array)[]): Promise<Uint8Array>;
  /** Without the last newline. */
  text(...args: readonly (string | Uint8Array)[]): Promise<string>;
  /** Undefined when git says no. */
  maybe(...args: readonly (string | Uint8Array)[]): Promise<string | undefined>;
}

/** Git ran and said no, as against: it could not be started, or took too long. */
class GitSaidNo extends Error {}

/** For `catch`: undefined when git said no; anything else is thrown on. */
export function gone(error: unknown): undefined {
  if (error instanceof TallyError && error.cause instanceof GitSaidNo) return undefined;
  throw error;
}

const SETTINGS = [
  'core.hooksPath=/dev/null',
  'core.fsmonitor=false',
  'gc.auto=0',
  'maintenance.auto=false',
  'push.gpgSign=false',
  'submodule.recurse=false',
].flatMap((setting) => ['-c', setting]);

const HANDED_ON = ['PATH', 'HOME', 'SSH_AUTH_SOCK', 'XDG_CONFIG_HOME'] as const;

const FIXED = {
  GIT_TERMINAL_PROMPT: '0',
  GIT_SSH_COMMAND: 'ssh -oBatchMode=yes',
  // "ext::" would run a command that somebody wrote into the repository's configuration.
  GIT_ALLOW_PROTOCOL: 'https:http:ssh:git:file',
  GIT_AUTHOR_NAME: 'tallystick',
  GIT_AUTHOR_EMAIL: 'tallystick@localhost',
  GIT_COMMITTER_NAME: 'tallystick',
  GIT_COMMITTER_EMAIL: 'tallystick@localhost',
  LC_ALL: 'C',
} as const;

export function gitIn(options: {
  readonly path: string;
  readonly env: GitEnvironment;
  readonly timeoutMs?: number;
  readonly signal: AbortSignal | undefined;
}): Git {
  const { path, timeoutMs = LIMITS.anchorAnswerMs } = options;
  const handedOn = HANDED_ON.flatMap((name) => {
    const value = options.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  const env = { ...FIXED, ...Object.fromEntries(handedOn) };

  function bytes(...args: readonly (string | Uint8Array)[]): Promise<Uint8Array> {
    const words = args.filter((word) => typeof word === 'string');
    const late = AbortSignal.timeout(timeoutMs);
    return new Promise((resolve, reject) => {
      const child = spawn('git', ['--no-pager', '--no-replace-objects', ...SETTINGS, '-C', path, ...words], {
        env,
        signal: options.signal === undefined ? late : AbortSignal.any([options.signal, late]),
        killSignal: 'SIGKILL',
      });
      const out: Buffer[] = [];
      let size = 0;
      let told = '';
      child.stdout.on('data', (part: Buffer) => {
        size += part.length;
        if (size <= LIMITS.gitOutputBytes) out.push(part);
        else child.kill('SIGKILL');
      });
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        told = `${told}${text}`.slice(0, TOLD_CHARS);
      });
      // It may end before it has read all: its exit code tells why.
      child.stdin.on('error', () => undefined);
      child.stdin.end(args.find((word) => typeof word !== 'string'));
      const fail = (what: string, cause: unknown): void =>
        reject(failed(`git ${words[0]} in ${path}: ${what}`, path, cause));
      child.on('error', (error) =>
        fail(late.aborted ? `no end within ${timeoutMs / 1000} s` : error.message, error),
      );
      child.on('close', (code) => {
        if (size > LIMITS.gitOutputBytes) fail('it answered with too much', undefined);
        else if (code === 0) resolve(Buffer.concat(out));
        else if (code === null) fail('a signal ended it', undefined);
        else fail(told.trim().replaceAll('\n', '; ') || `it ended with ${code}`, new GitSaidNo());
      });
    });
  }

  const text: Git['text'] = async (...args) => (decodeUtf8(await bytes(...args)) ?? '').replace(/\n$/, '');
  return { bytes, text, maybe: (...args) => text(...args).catch(gone) };
}

/** Of what git says on standard error: the first lines name the reason. */
const TOLD_CHARS = 500;

function failed(message: string, path: string, cause: unknown): TallyError {
  return new TallyError('ANCHOR_FAILED', message, {
    hint: /not a git repository|cannot change to/.test(message)
      ? `make a repository there: git init --bare '${path}'`
      : `try by hand what it did: git -C '${path}' log tallystick`,
    cause,
  });
}
