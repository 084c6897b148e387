/** What the demo shows and runs: every command is the real program, in a home of its own. */
import { spawn } from 'node:child_process';
import { SIGNALS } from '../../../capture/agent/signals.ts';
import { TallyError } from '../../../core/error.ts';
import type { Context } from '../../context.ts';

/** Whoever watched has gone, or pressed Ctrl-C. */
export class Interrupted extends Error {}

export interface Stage {
  heading(text: string): Promise<void>;
  text(line?: string): Promise<void>;
  /** Shows the command and runs it; its output goes where ours goes. Throws when it exits with another code. */
  tally(
    args: readonly string[],
    options?: { readonly stdin?: string; readonly shown?: string; readonly exit?: number },
  ): Promise<void>;
  /** Time to read, for a person. */
  pause(ms: number): Promise<void>;
}

/** `home`: where its commands run too, since the project that the caller stands in has secrets of its own. */
export function createStage(
  context: Context,
  { env, home }: { readonly env: NodeJS.ProcessEnv; readonly home: string },
  stop: AbortSignal,
): Stage {
  const { stdout } = context;
  const { bold, cyan, dim } = stdout.style;
  let step = 0;

  function requireAudience(): void {
    if (stop.aborted) throw new Interrupted('the demo was interrupted');
  }

  return {
    async heading(text) {
      requireAudience();
      await stdout.line();
      await stdout.line(`${cyan(bold(String(++step)))}  ${bold(text)}`);
    },
    text: (line = '') => stdout.line(line),
    async tally(args, { stdin, shown, exit = 0 } = {}) {
      requireAudience();
      await stdout.line(`${dim('$')} ${cyan(`tally ${shown ?? args.join(' ')}`)}`);
      const code = await runSelf(args, { env, cwd: home }, stdin, stop);
      if (code === exit || stop.aborted) return requireAudience();
      throw new TallyError('INTERNAL', `the demo stops here: tally ${args[0]} ended with exit code ${code}`, {
        hint: 'its own message is above; `tally doctor` looks at the machine',
      });
    },
    pause: (ms) =>
      stdout.isTTY && !stop.aborted
        ? new Promise((resolve) => {
            const timer = setTimeout(resolve, ms);
            const hurry = (): void => {
              clearTimeout(timer);
              resolve();
            };
            stop.addEventListener('abort', hurry, { once: true });
          })
        : Promise.resolve(),
  };
}

/** Both outputs of the child go to our standard output, in the order in which they come. */
function runSelf(
  args: readonly string[],
  place: { readonly env: NodeJS.ProcessEnv; readonly cwd: string },
  stdin: string | undefined,
  stop: AbortSignal,
): Promise<number> {
  const script = process.argv[1] ?? '';
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...process.execArgv, script, ...args], {
      ...place,
      stdio: [stdin === undefined ? 'ignore' : 'pipe', 1, 1],
      signal: stop,
      killSignal: 'SIGTERM',
    });
    child.stdin?.end(stdin);
    child.on('error', (error) => (stop.aborted ? resolve(1) : reject(error)));
    child.on('exit', (code) => resolve(code ?? 1));
  });
}

/** A home of its own, and nobody's agent: the operator of the demo is whoever watches it. */
export function demoEnvironment(
  context: Context,
  home: string,
  extra: Readonly<Record<string, string>>,
): NodeJS.ProcessEnv {
  const { style } = context.stdout;
  const env: NodeJS.ProcessEnv = { ...context.env, ...extra, TALLY_HOME: home, XDG_RUNTIME_DIR: `${home}/r` };
  // Its standard output is ours, so it decides about colours as we did.
  if (style.bold('x') !== 'x') env.FORCE_COLOR = '1';
  const gone = [
    'AI_AGENT',
    'TALLY_RUN_TOKEN',
    'TALLY_RUN_ID',
    'TALLY_PROXY_URL',
    'TALLY_PORT',
    'TALLY_AGENT_TOKEN',
    'TALLY_PROFILE',
    'TALLY_SECRETS_FILE',
    'TALLY_SECRETS_PROVIDER',
    'SECRETSPEC_PROFILE',
    'SECRETSPEC_FILE',
    'SECRETSPEC_PROVIDER',
  ];
  for (const name of [...gone, ...SIGNALS.map(({ variable }) => variable)]) delete env[name];
  return env;
}
