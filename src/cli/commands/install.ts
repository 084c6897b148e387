import { Command } from 'commander';
import type { Context } from '../context.ts';
import { examples } from '../help.ts';
import { installClaudeCode } from './install/claude-code-command.ts';
import { installMcpCommand } from './install/mcp-command.ts';
import { type InstallOptions, installShim } from './install/shim.ts';

export function build(context: Context): Command {
  return new Command('install')
    .description('Has other programs use tally. `tally uninstall` takes it back.')
    .addCommand(installClaudeCode(context))
    .addCommand(installMcpCommand(context))
    .addCommand(shim(context));
}

function shim(context: Context): Command {
  const command = new Command('agentsecrets-shim')
    .summary('a command `agentsecrets`, for clients of AgentSecrets')
    .description(
      'Writes a command `agentsecrets` that has tally do what AgentSecrets does: its clients find it on PATH and work unchanged (docs/broker.md).',
    )
    .argument('<dir>', 'a directory that stands in PATH')
    .option('--force', 'replace a file that tally did not write')
    .option('--json', 'one JSON document');
  examples(command, [
    ['tally install agentsecrets-shim ~/.local/bin', 'where most shells look'],
    ['tally uninstall agentsecrets-shim ~/.local/bin', 'and away again'],
  ]);
  return command.action((directory: string, options: InstallOptions) =>
    installShim(context, directory, options),
  );
}
