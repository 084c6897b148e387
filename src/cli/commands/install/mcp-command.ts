import { Command } from 'commander';
import type { Context } from '../../context.ts';
import { examples } from '../../help.ts';
import type { McpInstallOptions } from './mcp.ts';
import { CLIENTS } from './mcp-clients.ts';

const WHICH = `${CLIENTS.join(', ')}, or a file; all that are here when absent`;

export function installMcpCommand(context: Context): Command {
  const command = options(
    new Command('mcp')
      .summary('the servers of MCP clients, behind `tally mcp wrap`')
      .description(
        'Puts every MCP server that a client starts behind `tally mcp wrap`, so that its calls are decided and recorded (docs/mcp.md). Only command and args change; environment, comments and order stay. A copy of the file as it was is kept beside it.',
      ),
  ).option('--agent <name>', 'the agent that its calls are of; the name of the client when absent');
  examples(command, [
    ['tally install mcp --dry-run', 'what would change'],
    ['tally install mcp --client cursor', 'the servers of one client'],
    ['tally install mcp --client ./.mcp.json', 'of a project'],
    ['tally uninstall mcp', 'and back again'],
  ]);
  return command.action(async (given: McpInstallOptions) =>
    (await import('./mcp.ts')).installMcp(context, given),
  );
}

export function uninstallMcpCommand(context: Context): Command {
  const command = options(
    new Command('mcp')
      .summary('the servers of MCP clients, as they were')
      .description('Takes `tally mcp wrap` out of the configuration of MCP clients, to the byte.'),
  );
  examples(command, [['tally uninstall mcp', 'in every client that is here']]);
  return command.action(async (given: McpInstallOptions) =>
    (await import('./mcp.ts')).uninstallMcp(context, given),
  );
}

function options(command: Command): Command {
  return command
    .option('--client <client>', WHICH)
    .option('--dry-run', 'show what would change, and change nothing')
    .option('--json', 'one JSON document');
}
