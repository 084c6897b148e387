import { Command, Option } from 'commander';
import { TIERS } from '../../core/entry.ts';
import type { Context } from '../context.ts';
import { examples, portNumber } from '../help.ts';
import type { GatewayOptions } from './mcp/gateway.ts';
import type { WrapOptions } from './mcp/wrap.ts';
import { commandOf, failRun } from './run.ts';

export function build(context: Context): Command {
  return new Command('mcp')
    .description('Decides and records what MCP clients have MCP servers do (docs/mcp.md).')
    .enablePositionalOptions()
    .addCommand(wrap(context))
    .addCommand(gateway(context));
}

function wrap(context: Context): Command {
  return (
    examples(
      sessionOptions(
        new Command('wrap')
          .summary('a server that is a command: tally mcp wrap -- COMMAND')
          .description(
            'Starts an MCP server and stands between it and its client: each call of a tool is decided and recorded before the server gets it, and everything else passes byte for byte. Its exit code and signals are passed on; our own failures are 125, 126 and 127, as of `tally run`.',
          )
          .argument('[command...]', 'after "--": the server and its arguments'),
      ),
      [
        ['tally mcp wrap --name fetch -- uvx mcp-server-fetch', 'its tools are mcp.fetch.*'],
        ['tally mcp wrap --agent claude -- npx -y my-server', 'say which agent it is for'],
        ['tally install mcp', 'wrap the servers of the clients on this machine'],
      ],
    )
      // What follows the command belongs to it.
      .passThroughOptions()
      .allowUnknownOption()
      .action(async (words: readonly string[], options: WrapOptions) => {
        try {
          const [command, ...args] = commandOf(words);
          const { wrapServer } = await import('./mcp/wrap.ts');
          await wrapServer(context, command, args, options);
        } catch (error) {
          failRun(context, error);
        }
      })
  );
}

function gateway(context: Context): Command {
  return examples(
    sessionOptions(
      new Command('gateway')
        .summary('a server that is at a URL: tally mcp gateway --upstream URL')
        .description(
          'Listens on this machine in front of an MCP server at a URL and prints the address that clients use instead. Each call of a tool is decided and recorded before it is passed on; answers stream through. The policy has to allow the host of the URL.',
        )
        .requiredOption('--upstream <url>', 'the server, https')
        .option('--port <port>', 'where to listen; 0 takes any', portNumber, 0)
        .option('--bearer <key>', 'the name of a secret that goes along as bearer token')
        .option('--http', 'the server is on this machine and speaks http')
        .option('--internal', 'the server may be in this network')
        .option('--json', 'one JSON document: url, upstream, server'),
    ),
    [
      [
        'tally mcp gateway --upstream https://mcp.example.com/mcp --port 7710',
        'for clients: http://127.0.0.1:7710/mcp',
      ],
      [
        'tally mcp gateway --upstream https://mcp.example.com/mcp --bearer MCP_KEY',
        'with a secret the client never sees',
      ],
    ],
  ).action(async (options: GatewayOptions) =>
    (await import('./mcp/gateway.ts')).runGateway(context, options),
  );
}

function sessionOptions(command: Command): Command {
  return command
    .option('--name <name>', 'what the policy calls the server: mcp.NAME.TOOL')
    .option('--agent <name>', 'the agent that calls, as you say it')
    .option('--reason <text>', 'what it is for; recorded')
    .option('--project <id>', 'recorded with every call')
    .option('--env <name>', 'the environment: recorded with every call')
    .addOption(new Option('--tier <tier>', 'who waits for the calls').choices(TIERS))
    .option('--closed', 'nothing goes on that cannot be recorded, whatever config.yaml says');
}
