/** Which settings file is meant, what runs tally, and where the hooks post. */
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { TallyError } from '../../core/error.ts';
import { quoted } from '../command-line.ts';
import type { Context } from '../context.ts';
import { askRunning } from '../running.ts';
import { uiPort } from '../ui-port.ts';

export interface Scope {
  readonly user?: boolean;
  readonly project?: boolean;
  readonly local?: boolean;
}

export interface Place {
  readonly scope: 'user' | 'project' | 'local';
  readonly file: string;
  /** With --project: where the token goes that does not belong into a shared file. */
  readonly beside?: string;
}

/** CLAUDE_CONFIG_DIR is where the program itself looks. Throws USAGE for two scopes at once. */
export function placeOf({ env }: Pick<Context, 'env'>, scope: Scope, cwd = process.cwd()): Place {
  const named = (['user', 'project', 'local'] as const).filter((one) => scope[one] === true);
  if (named.length > 1)
    throw new TallyError('USAGE', `--${named.join(' and --')} are two files`, {
      hint: `one of them: tally install claude-code --${named[0]}`,
    });
  const [chosen = 'user'] = named;
  const here = join(cwd, '.claude');
  switch (chosen) {
    case 'user':
      return {
        scope: chosen,
        file: join(env.CLAUDE_CONFIG_DIR ?? join(env.HOME ?? homedir(), '.claude'), 'settings.json'),
      };
    case 'local':
      return { scope: chosen, file: join(here, 'settings.local.json') };
    case 'project':
      return {
        scope: chosen,
        file: join(here, 'settings.json'),
        beside: join(here, 'settings.local.json'),
      };
  }
}

/** A shared file names no path of this machine: whoever uses it has `tally` on PATH. */
export function commandFor({ env }: Pick<Context, 'env'>, { scope }: Place): string {
  const [, program] = process.argv;
  if (scope === 'project' || program === undefined) return 'tally hook claude-code';
  const home = env.TALLY_HOME === undefined ? '' : `TALLY_HOME=${quoted(resolve(env.TALLY_HOME))} `;
  return `${home}${quoted(process.execPath)} ${quoted(resolve(program))} hook claude-code`;
}

export interface Target {
  readonly url: string;
  /** A recorder answers there now. */
  readonly running: boolean;
}

/** Where the recorder of this machine answers hooks, or will when it is started as it is now. */
export async function targetOf(context: Context): Promise<Target> {
  const running = await askRunning(context, (ask) => ask('hello', {}), { operator: false });
  if (running?.hooks !== undefined) return { url: running.hooks.url, running: true };
  return { url: `http://127.0.0.1:${uiPort(context)}/hooks/claude-code`, running: false };
}
