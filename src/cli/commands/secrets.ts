import { Command } from 'commander';
import { TallyError } from '../../core/error.ts';
import type { Context } from '../context.ts';
import { examples } from '../help.ts';
import { accessOptions } from '../secrets.ts';
import { remove } from './secrets/delete.ts';
import type { GetOptions } from './secrets/get.ts';
import { list } from './secrets/list.ts';
import { set } from './secrets/set.ts';

export function build(context: Context): Command {
  const command = examples(
    new Command('secrets').description(
      'Credentials that the broker injects. Agents name them and never see them.',
    ),
    [
      ['tally secrets set STRIPE_KEY', 'hidden prompt, asked twice'],
      ['tally secrets set STRIPE_KEY < FILE', 'from standard input'],
      ['tally secrets list', 'names, never values'],
      ['tally secrets delete STRIPE_KEY', 'gone from the next call on'],
    ],
  );
  command
    .command('set')
    .description('Stores a value, read from a hidden prompt or from standard input. Recorded.')
    .argument('<key>')
    .argument('[never...]', 'nothing: a value never comes as an argument')
    .option('--reason <text>', 'recorded with it')
    .option('--json', 'one JSON document')
    .action((key: string, rest: readonly string[], options: Parameters<typeof set>[2]) => {
      refuseArgument(key, rest);
      return set(context, key, options);
    });
  accessOptions(
    command
      .command('get')
      .description(
        'Prints a value: to a pipe as it is, to a terminal only with --reveal. Recorded before it is read.',
      )
      .argument('<key>'),
  )
    .option('--reveal', 'on a terminal too')
    .option('--json', 'one JSON document')
    .action(async (key: string, options: GetOptions) =>
      (await import('./secrets/get.ts')).get(context, key, options),
    );
  command
    .command('list')
    .description('Names, when they were set, and how long the values are (as a class).')
    .option('--json', 'one JSON document')
    .option('--utc', 'times in UTC, not in the local zone')
    .action((options: Parameters<typeof list>[1]) => list(context, options));
  command
    .command('delete')
    .description('Removes a value. Recorded.')
    .argument('<key>')
    .option('--reason <text>', 'recorded with it')
    .option('--json', 'one JSON document')
    .action((key: string, options: Parameters<typeof remove>[2]) => remove(context, key, options));
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
