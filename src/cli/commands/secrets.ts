import { Command } from 'commander';
import { TallyError } from '../../core/error.ts';
import type { Context } from '../context.ts';
import { examples } from '../help.ts';
import { accessOptions } from '../secrets.ts';
import type { CheckOptions } from './secrets/check.ts';
import type { ExportOptions } from './secrets/export.ts';
import type { GetOptions } from './secrets/get.ts';
import type { ImportOptions } from './secrets/import.ts';
import type { ListOptions } from './secrets/list.ts';
import type { ProtectOptions } from './secrets/lock.ts';
import type { WriteOptions } from './secrets/record.ts';
import type { SecretsRunOptions } from './secrets/run.ts';
import type { ScanOptions } from './secrets/scan.ts';

const GLOBAL = 'the machine’s own secrets, whatever manifest is here';

export function build(context: Context): Command {
  const command = examples(
    new Command('secrets')
      .enablePositionalOptions()
      .description(
        'Secrets of this machine and of projects: each access is recorded. The broker injects them for agents.',
      ),
    [
      ['tally secrets set STRIPE_KEY', 'hidden prompt, asked twice'],
      ['tally secrets set STRIPE_KEY < FILE', 'from standard input'],
      ['tally secrets get DATABASE_URL --reason "backup"', 'one value, to a pipe'],
      ['tally secrets check', 'what is missing'],
      ['tally secrets run -- npm start', 'a command with the secrets of its project'],
      ['tally secrets list', 'names, never values'],
      ['tally secrets import --from dotenv', 'out of .env, into the vault'],
      ['tally secrets export --format json', 'all of a profile, to a pipe'],
      ['tally secrets delete STRIPE_KEY', 'gone from the next call on'],
    ],
  );
  accessOptions(
    command
      .command('set')
      .description('Stores a value, read from a hidden prompt or from standard input. Recorded.')
      .argument('<key>', 'its name')
      .argument('[never...]', 'nothing: a value never comes as an argument'),
  )
    .option('-g, --global', GLOBAL)
    .option('--json', 'one JSON document')
    .action(async (key: string, rest: readonly string[], options: WriteOptions) => {
      refuseArgument(key, rest);
      await (await import('./secrets/set.ts')).set(context, key, options);
    });
  accessOptions(
    command
      .command('get')
      .description(
        'Prints a value: to a pipe as it is, to a terminal only with --reveal. Recorded before it is read.',
      )
      .argument('<key>'),
  )
    .option('-g, --global', GLOBAL)
    .option('--reveal', 'on a terminal too')
    .option('--json', 'one JSON document')
    .action(async (key: string, options: GetOptions) =>
      (await import('./secrets/get.ts')).get(context, key, options),
    );
  accessOptions(
    command
      .command('list')
      .description('What the project declares and where it is looked for; elsewhere what the vault holds.'),
  )
    .option('-g, --global', GLOBAL)
    .option('--json', 'one JSON document')
    .option('--utc', 'times in UTC, not in the local zone')
    .action(async (options: ListOptions) => (await import('./secrets/list.ts')).list(context, options));
  accessOptions(command.command('delete').description('Removes a value. Recorded.').argument('<key>'))
    .option('-g, --global', GLOBAL)
    .option('--json', 'one JSON document')
    .action(async (key: string, options: WriteOptions) =>
      (await import('./secrets/delete.ts')).remove(context, key, options),
    );
  accessOptions(
    command
      .command('import')
      .description(
        'Brings values from elsewhere to where they are kept. What is there already stays. Recorded.',
      )
      .argument('[keys...]', 'only these; else all that the manifest declares, or that a .env file holds'),
  )
    .requiredOption('--from <provider>', 'dotenv, dotenv:PATH, env, or any other provider')
    .option('--overwrite', 'replace what is there')
    .option('-g, --global', GLOBAL)
    .option('--json', 'one JSON document')
    .action(async (keys: readonly string[], options: ImportOptions) =>
      (await import('./secrets/import.ts')).importSecrets(context, keys, options),
    );
  accessOptions(
    command
      .command('export')
      .description('All values of a profile, for a shell, a file or a program. Recorded.'),
  )
    .option('--format <name>', 'shell, dotenv or json', 'shell')
    .option('-S, --scope <name>', 'only those of a scope of the manifest')
    .option('--reveal', 'on a terminal too')
    .action(async (options: ExportOptions) =>
      (await import('./secrets/export.ts')).exportSecrets(context, options),
    );
  accessOptions(
    command
      .command('check')
      .description(
        'Says which secrets of a profile are there, and asks for those that are missing. Recorded.',
      ),
  )
    .option('-S, --scope <name>', 'only those of a scope of the manifest')
    .option('-n, --no-prompt', 'ask for nothing')
    .option('--json', 'one JSON document')
    .action(async (options: CheckOptions) => (await import('./secrets/check.ts')).check(context, options));
  accessOptions(
    command
      .command('run')
      .description(
        'Runs a command with the secrets of a profile in its environment, as one recorded run. Its exit code is passed on; our own failures are 125, 126 and 127.',
      )
      .argument('[command...]', 'after "--": the command and its arguments'),
  )
    .option('-S, --scope <name>', 'only those of a scope of the manifest')
    .option('-g, --global', 'all of the machine’s own secrets, whatever manifest is here')
    .option('--agent <name>', 'the agent that runs, as you say it')
    .option('--env <name>', 'the environment: recorded with every call')
    .option('--no-mask', 'leave the values in what it prints to a pipe')
    .passThroughOptions()
    .allowUnknownOption()
    .action(async (words: readonly string[], options: SecretsRunOptions) =>
      (await import('./secrets/run.ts')).runWithSecrets(context, words, options),
    );
  command
    .command('scan')
    .description(
      'Looks for values that the vault knows in files, such as the sessions of agents, and says where. Recorded.',
    )
    .argument('[paths...]', 'files and directories; else where agents keep their sessions')
    .option('--reason <text>', 'what it is for; recorded. Else TALLY_REASON')
    .option('--json', 'one JSON document')
    .action(async (paths: readonly string[], options: ScanOptions) =>
      (await import('./secrets/scan.ts')).scan(context, paths, options),
    );
  command
    .command('protect')
    .description('Puts the vault under a passphrase, or its key into the OS keyring. Recorded.')
    .option('--keyring', 'the key goes into the OS keyring')
    .option('--key-file', 'the key goes back into a file')
    .action(async (options: ProtectOptions) => (await import('./secrets/lock.ts')).protect(context, options));
  command
    .command('unlock')
    .description('Takes the passphrase of the vault (hidden prompt or standard input), for eight hours.')
    .action(async () => (await import('./secrets/lock.ts')).unlock(context));
  command
    .command('lock')
    .description('Ends that, also for programs that run.')
    .action(async () => (await import('./secrets/lock.ts')).lock(context));
  return command;
}

/** Says nothing of the value: it has been seen enough. */
function refuseArgument(key: string, rest: readonly string[]): void {
  if (rest.length === 0 && !key.includes('=')) return;
  const name = /^[A-Za-z_][A-Za-z0-9_.-]*/.exec(key)?.[0] ?? 'KEY';
  throw new TallyError(
    'USAGE',
    'a secret never comes as an argument: other programs and your shell history see it',
    {
      hint: `nothing was stored. Replace that value where it came from, then: tally secrets set ${name}   (hidden prompt, or < FILE)`,
    },
  );
}
