import { Command } from 'commander';
import { TallyError } from '../../core/error.ts';
import { boundOptions } from '../bounds.ts';
import type { Context } from '../context.ts';
import { examples } from '../help.ts';
import { printFailure } from '../output/failure.ts';
import type { RunOptions } from './run/ran.ts';
import { run } from './run/run.ts';

/** env(1): 125 is a failure of the program that starts the command, and not the command's own. */
const OWN_FAILURE = 125;

interface RunFlags extends RunOptions {
  readonly envInject?: readonly string[];
  readonly mask?: boolean;
}

export function build(context: Context): Command {
  return (
    examples(
      boundOptions(
        new Command('run')
          .description(
            'Runs a command as one recorded run: its HTTP and HTTPS calls go through the broker, which decides and records each of them. Its exit code is passed on; our own failures are 125, 126 (not executable) and 127 (not found).',
          )
          .argument('[command...]', 'after "--": the command and its arguments')
          .option('--agent <name>', 'the agent that runs, as you say it')
          .option('--user <id>', 'on whose behalf: a user of the policy')
          .option('--reason <text>', 'what it is for; recorded')
          .option('--project <id>', 'recorded with every call')
          .option('--env <name>', 'the environment: recorded with every call'),
      )
        .option('--env-inject <key...>', 'put the value of a secret into its environment; recorded')
        .option('--no-mask', 'leave these values in what it prints to a pipe')
        .option('--no-placeholders', 'nothing stands for the secrets that secretspec.toml declares')
        .option('--no-proxy', 'leave its proxy settings alone: only calls to TALLY_PROXY_URL are recorded')
        .option('--closed', 'nothing goes on that cannot be recorded, whatever config.yaml says')
        .option('--verify-exit', 'when the closing verification finds trouble, exit with its code')
        .option('-q, --quiet', 'no closing summary'),
      [
        ['tally run -- claude', 'record an agent, as it is'],
        ['tally run -- curl https://api.github.com/zen', 'or any program that makes calls'],
        ['tally run --agent billing-tool --reason "monthly invoices" -- node agent.js', 'say who and why'],
        [
          'tally run --env-inject API_KEY --reason "smoke test" -- ./test.sh',
          'with a secret in its environment',
        ],
        ['tally run --user u_17 --scope crm.read --tool "crm.*" -- ./agent.py', 'keep the run to less'],
      ],
    )
      // What follows the command belongs to it; an unknown option before it is told by us, with env(1)'s exit code.
      .passThroughOptions()
      .allowUnknownOption()
      .action(async (words: readonly string[], options: RunFlags) => {
        try {
          const [command, ...args] = commandOf(words);
          const wanted = withSecrets(options);
          await run(context, command, args, wanted).catch(async (cause: unknown) => {
            const { runUngoverned } = await import('./run/ungoverned.ts');
            await runUngoverned(context, command, args, wanted, cause);
          });
        } catch (error) {
          failRun(context, error);
        }
      })
  );
}

function withSecrets(options: RunFlags): RunOptions {
  const { envInject, mask, reason } = options;
  if (envInject === undefined) return options;
  return {
    ...options,
    inject: { keys: envInject, mask: mask !== false, ...(reason === undefined ? {} : { reason }) },
  };
}

/** What was ours to do and failed: not the command's own exit code. */
export function failRun(context: Context, error: unknown): void {
  const debug = (context.env.TALLY_DEBUG ?? '') !== '';
  printFailure(error, context.stderr, { json: context.json, debug });
  context.exit(OWN_FAILURE);
}

export function commandOf(words: readonly string[]): readonly [string, ...string[]] {
  const [command, ...args] = words;
  if (command === undefined) {
    throw new TallyError('USAGE', 'no command is given', { hint: 'tally run -- COMMAND ARGUMENTS' });
  }
  if (command.startsWith('-')) {
    throw new TallyError('USAGE', `unknown option ${command}`, {
      hint: 'the command comes after "--"; see `tally run --help`',
    });
  }
  return [command, ...args];
}
