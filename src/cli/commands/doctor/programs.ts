/**
 * Whether the programs of this machine really honour what `tally run` gives them: each one that is on PATH makes a call
 * with a placeholder, and only one that came through the broker arrives with the credential.
 */
import { spawn } from 'node:child_process';
import type { Context } from '../../context.ts';
import { proxyVariables } from '../run/environment.ts';
import { placeOf } from '../run/program.ts';
import { trustFiles } from '../run/trust.ts';
import { type Check, ok, skip, warn } from './check.ts';
import { HOST, type Scratch } from './scratch.ts';

const LONGEST_MS = 8_000;

const IN_NODE = `require('https').get(process.argv[1], { headers: { authorization: process.argv[2] } }, (r) => r.resume())
  .on('error', () => process.exit(1));`;
const IN_PYTHON = `import sys, urllib.request as r
r.urlopen(r.Request(sys.argv[1], headers={"Authorization": sys.argv[2]}), timeout=5).read()`;

/** How each of them calls `url` with this Authorization; `asks`: the path that arrives. */
// biome-ignore format: one line a program
const PROGRAMS: readonly { readonly name: string; readonly asks?: string; args(url: string, header: string): readonly string[] }[] = [
  { name: 'curl', args: (url, header) => ['-sS', '-o', '/dev/null', '-H', `Authorization: ${header}`, url] },
  { name: 'python3', args: (url, header) => ['-c', IN_PYTHON, url, header] },
  { name: 'node', args: (url, header) => ['-e', IN_NODE, url, header] },
  // What it gets is no repository; that it asked is all that is wanted.
  { name: 'git', asks: '/info/refs', args: (url, header) => ['-c', `http.extraHeader=Authorization: ${header}`, 'ls-remote', url] },
];

type Found = 'absent' | 'seen' | 'unseen';

export async function checkPrograms(context: Context, scratch: Scratch): Promise<Check> {
  const { url, token, port, placeholder, paths } = scratch;
  const trust = await trustFiles({ ...context, paths });
  const env = { ...context.env, ...proxyVariables(context.env, placeOf(url, token, trust)) };
  const found = await Promise.all(
    PROGRAMS.map(async ({ name, asks = '', args }): Promise<readonly [string, Found]> => {
      const started = await run(name, args(`https://${HOST}:${port}/${name}`, `Bearer ${placeholder}`), env);
      if (!started) return [name, 'absent'];
      return [name, scratch.arrived(`/${name}${asks}`) === 'with the credential' ? 'seen' : 'unseen'];
    }),
  );
  const named = (wanted: Found): string =>
    found.flatMap(([name, what]) => (what === wanted ? [name] : [])).join(', ');
  const [seen, unseen] = [named('seen'), named('unseen')];
  if (unseen !== '')
    return warn(
      'programs',
      `what these call is not seen, or fails: ${unseen}${seen === '' ? '' : `; seen: ${seen}`}`,
      `look at what it says: tally run -- ${found.find(([, what]) => what === 'unseen')?.[0]} …; docs/run.md says what keeps calls from being seen`,
    );
  if (seen === '') return skip('programs', 'none of curl, python3, node and git is on PATH');
  return ok('programs', `what these call goes through the broker: ${seen}`);
}

/** False when there is no such program. Resolves when it has ended, however. */
function run(name: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn(name, args, { env, stdio: 'ignore' });
    // Not spawn's own timeout: that waits on for a program that is not there.
    const timer = setTimeout(() => child.kill('SIGKILL'), LONGEST_MS);
    const ended = (started: boolean): void => {
      clearTimeout(timer);
      resolve(started);
    };
    child.once('error', () => ended(false));
    child.once('close', () => ended(true));
  });
}
