/** What every command is handed: the world, read once. Commands touch `process` through this only. */
import { homedir, hostname, tmpdir } from 'node:os';
import { withLogPlace } from '../open/log-place.ts';
import type { AlertOptions } from '../open/options.ts';
import type { OpenedQuery, QueryOptions } from '../open/query.ts';
import { whoAmI } from '../open/whoami.ts';
import type { openSession, Session } from '../open.ts';
import { locate, type Paths } from '../paths.ts';
import type { OpenedReader, openReader } from '../reader.ts';
import type { Client } from '../recorder/ops.ts';
import { type Agent, detectAgent } from './agent.ts';
import { safe } from './output/safe.ts';
import { createOutput, type Output } from './output/stream.ts';

export type Env = Readonly<Record<string, string | undefined>>;
type SessionOptions = Parameters<typeof openSession>[0];
type ReaderOptions = NonNullable<Parameters<typeof openReader>[1]>;

export interface Context {
  readonly env: Env;
  readonly version: string;
  readonly paths: Paths;
  /** Data, and nothing else. */
  readonly stdout: Output;
  /** Everything else: progress, notes, warnings, prompts. */
  readonly stderr: Output;
  readonly stdin: NodeJS.ReadStream;
  /** Prompts may be shown: a person sits at a terminal. */
  readonly interactive: boolean;
  /** A coding agent found in the environment. Inferred, never proof of anything. */
  readonly agent: Agent | undefined;
  /** Whether failures are printed as JSON: asked for, or no person reads standard error on a terminal. */
  readonly json: boolean;
  /** Milliseconds since the epoch. */
  now(): number;
  /**
   * What this process says about itself to the writer, with the operator's token when this terminal may use it; without
   * looking for one, which loads much, when `operator` is false.
   */
  client(surface?: Client['surface'], options?: { readonly operator?: boolean }): Promise<Client>;
  /** Writes through the one writer, or becomes it. The caller closes it. */
  openSession(
    options?: Partial<Omit<SessionOptions, 'paths'>> & {
      readonly background?: boolean;
      readonly alertsWith?: Pick<AlertOptions, 'write' | 'verify' | 'drift'>;
    },
  ): Promise<Session>;
  /** Lock-free reading of the raw files. `log`: another log directory than the current one. */
  openReader(options?: ReaderOptions): Promise<OpenedReader>;
  /** The log with its index, brought up to date, with a progress bar where that takes long. The caller closes it. */
  openQuery(options?: Pick<QueryOptions, 'log' | 'signal'>): Promise<OpenedQuery>;
  /** Sets the exit code of the process; a later failure may still replace it. */
  exit(code: number): void;
  warn(line: string): void;
  /** Aborted by the first SIGINT or SIGTERM, for commands that have something to close. A later one ends at once. */
  interrupted(): AbortSignal;
}

export async function createContext(argv: readonly string[], version: string): Promise<Context> {
  const env: Env = process.env;
  const agent = await detectAgent(env);
  const plain = agent !== undefined;
  const stdout = createOutput(process.stdout, { env, plain });
  const stderr = createOutput(process.stderr, { env, plain });
  const uid = process.getuid?.() ?? 0;
  const paths = await withLogPlace(locate({ env, home: homedir(), tmp: tmpdir(), uid }), homedir());
  const signal = interruption();

  function warn(line: string): void {
    const [first = '', ...more] = line.split('\n').map(safe);
    void stderr.say(`${stderr.style.yellow('warning:')} ${first}`);
    for (const other of more) void stderr.say(other);
  }

  async function client(
    surface: Client['surface'] = 'cli',
    options: { readonly operator?: boolean } = {},
  ): Promise<Client> {
    const operator =
      options.operator === false ? undefined : (await import('./operator.ts')).openOperator(paths).token();
    const { username, uid } = whoAmI();
    return {
      surface,
      ...(username === undefined ? {} : { user: username }),
      ...(uid === undefined ? {} : { uid }),
      pid: process.pid,
      host: hostname(),
      ...(agent === undefined ? {} : { detected: { agent: agent.name, signals: [...agent.signals] } }),
      ...(env.TALLY_RUN_TOKEN === undefined ? {} : { run_token: env.TALLY_RUN_TOKEN }),
      ...(operator === undefined ? {} : { operator_token: operator }),
      ...(env.TALLY_AGENT_TOKEN === undefined ? {} : { agent_token: env.TALLY_AGENT_TOKEN }),
    };
  }

  return {
    env,
    version,
    paths,
    stdout,
    stderr,
    stdin: process.stdin,
    interactive: process.stdin.isTTY === true && stderr.isTTY && agent === undefined,
    agent,
    json: plain || wantsJson(argv, stderr.isTTY),
    now: Date.now,
    client,
    async openSession({ client: who, ...options } = {}) {
      const { openConfiguredSession } = await import('./session.ts');
      const session = await openConfiguredSession({ paths, stderr, warn }, who ?? (await client()), options);
      const { tellUngoverned } = await import('./ungoverned-told.ts');
      await tellUngoverned({ paths, warn, now: Date.now }, session);
      return session;
    },
    async openReader(options = {}) {
      const module = await import('../reader.ts');
      return module.openReader(paths, options);
    },
    async openQuery(options = {}) {
      const [{ openQuery }, { createProgress }] = await Promise.all([
        import('../open/query.ts'),
        import('./output/progress.ts'),
      ]);
      const progress = createProgress(stderr, 'indexing', 'entries');
      try {
        return await openQuery(paths, { ...options, onProgress: progress.update, onWarning: warn });
      } finally {
        progress.end();
      }
    },
    exit(code) {
      process.exitCode = code;
    },
    warn,
    interrupted: signal,
  };
}

/** Looked at before any parsing, since a failure of the parser has to be told in the right form too. */
export function wantsJson(argv: readonly string[], stderrIsTTY: boolean): boolean {
  const end = argv.indexOf('--');
  const own = end === -1 ? argv : argv.slice(0, end);
  return !stderrIsTTY || own.includes('--json') || own.includes('--jsonl');
}

const STOPPING = ['SIGINT', 'SIGTERM'] as const;
/** One Ctrl-C comes twice under npm: from the terminal, which sends it to all, and from npm, which passes it on. */
const SAME_PRESS_MS = 500;

function interruption(): () => AbortSignal {
  const controller = new AbortController();
  let installed = false;
  return () => {
    if (installed) return controller.signal;
    installed = true;
    const stop = (): void => {
      if (controller.signal.aborted) return;
      controller.abort();
      // From then on the default handler: a second signal ends a command that does not come to its end by itself.
      setTimeout(() => {
        for (const name of STOPPING) process.off(name, stop);
      }, SAME_PRESS_MS).unref();
    };
    for (const name of STOPPING) process.on(name, stop);
    return controller.signal;
  };
}
