/**
 * The file with one name for each tool (tool-name.ts), whichever its writer used: it is compiled as if it had been written
 * so. Problems are told at what stands in the file.
 */
import { oneToolName } from '../../tool-name.ts';
import { shown } from '../hosts.ts';
import type { PolicyFile } from '../schema.ts';
import type { Complain } from './complain.ts';

interface OneNamed {
  readonly file: PolicyFile;
  readonly complain: Complain;
}

export function withOneToolNames(file: PolicyFile, complain: Complain): OneNamed {
  /** What stands in the file, by what it is taken for. */
  const written = new Map<string, string>();

  function named(name: string): string {
    const one = oneToolName(name);
    if (one !== name && !written.has(one)) written.set(one, name);
    return one;
  }

  function keys<T>(
    section: { readonly [name: string]: T },
    path: readonly PropertyKey[],
  ): { [name: string]: T } {
    const kept = new Map<string, T>();
    for (const [name, value] of Object.entries(section)) {
      const one = named(name);
      if (kept.has(one))
        complain([...path, name], {
          problem: `${shown(name)} is the tool ${shown(one)}, which stands here already`,
          hint: 'a tool has one place: put both together',
        });
      kept.set(one, value);
    }
    return Object.fromEntries(kept);
  }

  const { tools, users, agents, alerts } = file;
  const one: PolicyFile = {
    ...file,
    ...(isGiven(tools) ? { tools: keys(tools, ['tools']) } : {}),
    ...(isGiven(users)
      ? {
          users: Object.fromEntries(
            Object.entries(users).map(([id, user]) => [
              id,
              isGiven(user.tools) ? { ...user, tools: keys(user.tools, ['users', id, 'tools']) } : user,
            ]),
          ),
        }
      : {}),
    ...(isGiven(agents)
      ? {
          agents: Object.fromEntries(
            Object.entries(agents).map(([id, agent]) => [
              id,
              isGiven(agent.tools) ? { ...agent, tools: agent.tools.map(named) } : agent,
            ]),
          ),
        }
      : {}),
    ...(isGiven(alerts) && isGiven(alerts.rules)
      ? {
          alerts: {
            ...alerts,
            rules: alerts.rules.map((rule) =>
              rule.kind === 'sensitive' && rule.tools !== undefined
                ? { ...rule, tools: rule.tools.map(named) }
                : rule,
            ),
          },
        }
      : {}),
  };
  return {
    file: one,
    complain: (path, complaint) =>
      complain(
        path.map((step) => (typeof step === 'string' ? (written.get(step) ?? step) : step)),
        complaint,
      ),
  };
}

const isGiven = <T>(value: T | null | undefined): value is T => value !== null && value !== undefined;
