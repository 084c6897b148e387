import { Command } from 'commander';
import type { Context } from '../context.ts';
import { examples } from '../help.ts';
import { uninstallClaudeCode } from './install/claude-code-command.ts';
import { uninstallMcpCommand } from './install/mcp-command.ts';
import { uninstallShim } from './install/shim.ts';

export function build(context: Context): Command {
  const command = new Command('agentsecrets-shim')
    .summary('removes the command `agentsecrets` that tally wrote')
    .description('Removes a command `agentsecrets` that tally wrote; one of somebody else stays.')
    .argument('<dir>', 'where it is')
    .option('--json', 'one JSON document')
    .action((directory: string, options: { json?: boolean }) => uninstallShim(context, directory, options));
  examples(command, [['tally uninstall agentsecrets-shim ~/.local/bin', 'as it was installed']]);
  return new Command('uninstall')
    .description('Takes back what `tally install` did.')
    .addCommand(uninstallClaudeCode(context))
    .addCommand(uninstallMcpCommand(context))
    .addCommand(command);
}
