import type { CompiledPolicy } from '../../core/policy/compiled.ts';
import { compilePolicy } from '../../core/policy/load.ts';
import type { Session } from '../../open.ts';
import { TENANT } from '../../paths.ts';
import type { Context } from '../context.ts';
import { readPolicyText } from './policy/file.ts';

/**
 * A name that is misspelt is switched off all the same, and whoever was meant goes on. Undefined: somebody has the name.
 * Agents that nobody registered and tools that no policy names may have it too, so this is a doubt and no more.
 */
export async function doubtOf(
  context: Context,
  session: Session,
  scope: string,
): Promise<string | undefined> {
  const [, kind, name] = /^(agent|tool):(.+)$/s.exec(scope) ?? [];
  if (kind === undefined || name === undefined) return undefined;
  const policy = await policyOf(context);
  const named = kind === 'agent' ? policy?.agents : policy?.tools;
  if (named !== undefined && Object.hasOwn(named, name)) return undefined;
  if (kind === 'tool')
    return `the policy names no tool ${name}: is it spelt as calls name it? tally log list --tool ${shell(name)}`;
  const { agents, tokens } = await session.ask('agent.list', { name });
  if (agents.length + tokens.length > 0) return undefined;
  return `no agent ${name} is registered or in the policy: is it spelt right? tally agent list, tally log summary`;
}

/** A file that cannot be read names nobody, and what was switched off stays so. */
async function policyOf(context: Context): Promise<CompiledPolicy | undefined> {
  try {
    const text = await readPolicyText(context, context.paths.policyFile);
    return compilePolicy(text, { id: TENANT }).compiled;
  } catch {
    return undefined;
  }
}

const shell = (name: string): string => (/^[\w.@-]+$/.test(name) ? name : 'NAME');
