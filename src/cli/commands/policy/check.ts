import { dirname, resolve } from 'node:path';
import { readRootsFrom } from '../../../capture/proxy/private-roots.ts';
import type { CompiledPolicy } from '../../../core/policy/compiled.ts';
import { policyDoubts } from '../../../core/policy/doubts.ts';
import type { Context } from '../../context.ts';
import { counted } from '../../facts.ts';
import { safe, toJson } from '../../output/safe.ts';
import { compileText } from './compile.ts';
import { readPolicyText } from './file.ts';

/** POLICY_INVALID with line, column and hint when it does not compile. */
export async function check(context: Context, file: string | undefined, json: boolean): Promise<void> {
  const path = file ?? context.paths.policyFile;
  const { compiled, hash } = compileText(context, await readPolicyText(context, path), path);
  const observing = compiled.mode === 'observe';
  const doubts = [...policyDoubts(compiled), ...missingRoots(compiled, dirname(resolve(path)))];
  if (json) {
    const { version, mode } = compiled;
    await context.stdout.line(
      toJson({ ok: true, file: path, version, hash, mode, ...countsOf(compiled), doubts }),
    );
    return;
  }
  const { hosts, ...others } = countsOf(compiled);
  const parts = Object.entries(others).flatMap(([name, n]) =>
    n === undefined || n === 0 ? [] : [counted(n, name.slice(0, -1))],
  );
  const told = [hosts === 0 ? 'no host: every call to one is stopped' : counted(hosts, 'host'), ...parts];
  await context.stdout.say(
    `${safe(path)}: good. Version ${safe(compiled.version)}, mode ${compiled.mode}, ${told.join(', ')}.`,
  );
  for (const doubt of doubts) context.warn(doubt);
  if (observing)
    await context.stderr.say('note: observe stops nothing; it needs allow_observe in config.yaml');
}

/** Files that calls will look for: told now, since each call to that host would fail. */
function missingRoots({ allowlist }: CompiledPolicy, directory: string): readonly string[] {
  const read = readRootsFrom(directory);
  return allowlist.flatMap(({ ca, host }) => {
    const found = ca === undefined ? undefined : read([ca], host);
    return found !== undefined && 'failure' in found ? [found.failure.text] : [];
  });
}

const size = (section: object | undefined): number | undefined =>
  section === undefined ? undefined : Object.keys(section).length;

function countsOf(compiled: CompiledPolicy) {
  const { allowlist, tunnel, credentials, agents, roles, users, tools, facts, rules } = compiled;
  return {
    hosts: allowlist.length,
    tunnels: size(tunnel),
    credentials: size(credentials),
    agents: size(agents),
    roles: size(roles),
    users: size(users),
    tools: size(tools),
    facts: size(facts),
    rules: rules?.length,
  };
}
