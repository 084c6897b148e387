/** A command that is a group of others: the one that was called is loaded, and the rest are there by their names. */
import type { Command } from 'commander';
import type { Context } from './context.ts';

export interface Member {
  readonly name: string;
  /** One line, for the list of the group. */
  readonly summary: string;
  load(): Promise<(context: Context) => Command>;
}

/**
 * Adds `members` to `group` in their order. `words`: what was typed after the name of the group. Where they name no member
 * all are loaded: for help, for a suggestion, and for whoever has to know every option.
 */
export async function addMembers(
  group: Command,
  members: readonly Member[],
  context: Context,
  [wanted]: readonly string[] = [],
): Promise<Command> {
  const one = members.some(({ name }) => name === wanted);
  const builders = await Promise.all(
    members.map(({ name, load }) => (one && name !== wanted ? undefined : load())),
  );
  for (const [i, { name, summary }] of members.entries()) {
    const build = builders[i];
    if (build === undefined) group.command(name).summary(summary);
    else group.addCommand(build(context).summary(summary));
  }
  return group;
}
