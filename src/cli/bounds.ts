/** The options by which a token or a run is kept to less: the same words wherever one is made. */
import type { Command } from 'commander';
import type { OpParams } from '../recorder/ops.ts';

export interface BoundOptions {
  readonly scope?: readonly string[];
  readonly tool?: readonly string[];
  readonly host?: readonly string[];
  readonly credential?: readonly string[];
}

const more = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

export function boundOptions(command: Command): Command {
  return command
    .option('--scope <name>', 'this scope only, such as crm.read (repeatable)', more)
    .option('--tool <name>', 'this tool only; may end in * (repeatable)', more)
    .option('--host <host>', 'this host only, or *.example.com (repeatable)', more)
    .option('--credential <name>', 'this credential only; may end in * (repeatable)', more);
}

/** What is not said is not bounded here: then it is as whatever it is made from. */
export function boundsOf(options: BoundOptions): Pick<OpParams<'token.issue'>, 'scopes' | 'contract'> {
  const { scope, tool, host, credential } = options;
  const contract = {
    ...(tool === undefined ? {} : { tools: [...tool] }),
    ...(host === undefined ? {} : { hosts: [...host] }),
    ...(credential === undefined ? {} : { credentials: { allow: [...credential] } }),
  };
  return {
    ...(scope === undefined ? {} : { scopes: [...scope] }),
    ...(Object.keys(contract).length === 0 ? {} : { contract }),
  };
}
