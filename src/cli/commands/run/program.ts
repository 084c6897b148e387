/** What the command of a run is given: the way to the broker, whom to trust there, and what stands for its secrets. */
import { fileURLToPath } from 'node:url';
import { boundsOf } from '../../bounds.ts';
import type { BrokerHandle } from '../../broker.ts';
import type { Context } from '../../context.ts';
import { type Place, proxyVariables } from './environment.ts';
import { declaredSecrets, NOTHING_DECLARED, placeholdersOf, replacedBy } from './placeholders.ts';
import type { Ran, RunOptions } from './ran.ts';
import { trustFiles } from './trust.ts';

export interface Program {
  /** `given`: secrets that a person had put into it. */
  environment(
    broker: Pick<BrokerHandle, 'url' | 'session'>,
    started: Ran['started'],
    given?: Readonly<Record<string, string>>,
  ): NodeJS.ProcessEnv;
}

const BOOTSTRAP = fileURLToPath(new URL('../../../../bin/bootstrap.cjs', import.meta.url));

/** Throws what is wrong with the project's manifest or the local authority; nothing is recorded yet. */
export async function prepareProgram(context: Context, options: RunOptions): Promise<Program> {
  const { env } = context;
  // A run that is kept to less is not handed the token that has more: the run's own proves the same name.
  const { TALLY_AGENT_TOKEN: wider, ...others } = env;
  const isBounded = Object.keys(boundsOf(options)).length > 0;
  const base = isBounded || wider === undefined ? others : { ...others, TALLY_AGENT_TOKEN: wider };
  const addressed = (url: string, { run_id, token }: Ran['started']) => ({
    TALLY_PROXY_URL: `${url}/proxy`,
    TALLY_RUN_TOKEN: token,
    TALLY_RUN_ID: run_id,
  });
  if (options.proxy === false)
    return { environment: ({ url }, started, given) => ({ ...base, ...given, ...addressed(url, started) }) };

  const declared =
    options.placeholders === false ? NOTHING_DECLARED : await declaredSecrets(context, process.cwd());
  const trust = await trustFiles(context);
  await tellSetAside(context, options);
  return {
    environment({ url, session }, started, given) {
      const { token } = started;
      const placeholders = placeholdersOf(declared, token, session.vault.list());
      tellReplaced(context, options, replacedBy(placeholders, given, env));
      return {
        ...base,
        ...placeholders,
        ...given,
        ...proxyVariables(env, placeOf(url, token, trust)),
        ...addressed(url, started),
      };
    },
  };
}

export function placeOf(url: string, token: string | undefined, trust: Place['trust']): Place {
  return { url, token, trust, bootstrap: BOOTSTRAP };
}

const PROXIES = ['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy', 'ALL_PROXY', 'all_proxy'];
const EXCEPTIONS = ['NO_PROXY', 'no_proxy'];

/** A value of the person's own that the program does not get. */
function tellReplaced({ stderr }: Context, { quiet }: RunOptions, names: readonly string[]): void {
  if (quiet === true || names.length === 0) return;
  void stderr.say(
    `tally: ${names.join(', ')}: your own value is replaced by a placeholder, which the broker turns into the credential; --no-placeholders leaves it, --env-inject gives the stored one`,
    stderr.style.dim,
  );
}

/** Inside of a run the proxies of the outer one are meant to be replaced. */
async function tellSetAside({ env, stderr }: Context, { quiet }: RunOptions): Promise<void> {
  if (quiet === true || env.TALLY_RUN_ID !== undefined) return;
  const isSet = (name: string): boolean => (env[name] ?? '') !== '';
  const set = [...PROXIES.filter(isSet).slice(0, 1), ...EXCEPTIONS.filter(isSet).slice(0, 1)];
  if (set.length === 0) return;
  await stderr.say(
    `tally: ${set.join(' and ')} of your environment ${set.length === 1 ? 'is' : 'are'} set aside: all calls go to the broker, which connects by itself`,
    stderr.style.dim,
  );
}
