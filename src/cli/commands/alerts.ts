import { Command } from 'commander';
import type { Context } from '../context.ts';
import { examples, readingOptions } from '../help.ts';
import { ack } from './alerts/ack.ts';
import { type AddOptions, add, remove } from './alerts/add.ts';
import { type ListOptions, list } from './alerts/list.ts';
import { retry, test } from './alerts/send.ts';

export function build(context: Context): Command {
  const command = examples(
    new Command('alerts').description(
      'What the rules of the policy tell of: rates, refusals, first uses, gaps, failures. `tally up` looks for it (docs/alerts.md).',
    ),
    [
      ['tally alerts list', 'what is open'],
      ['tally alerts ack ID --reason "known: the new deploy"', 'seen; it is closed'],
      ['tally alerts add slack team --url-secret SLACK_URL', 'where they go'],
      ['tally alerts test', 'does a test arrive everywhere?'],
      ['tally alerts list --undelivered', 'what no destination took'],
    ],
  );
  readingOptions(
    command
      .command('list')
      .description('Open alerts, newest first.')
      .option('--open', 'those that are open (the default)')
      .option('--all', 'those that are over, too')
      .option('--undelivered', 'messages that were given up or wait for their next try'),
  ).action((options: ListOptions) => list(context, options));
  command
    .command('ack')
    .description('Says that you have seen an alert, and closes it. An entry of the log, with your name.')
    .argument('<id>', 'the alert: its id, or the number of its entry')
    .requiredOption('--reason <text>', 'what you know of it')
    .option('--json', 'one JSON document')
    .action((id: string, options: { readonly reason: string; readonly json?: boolean }) =>
      ack(context, id, options),
    );
  examples(
    command
      .command('add')
      .description(
        'Adds a destination to the configuration. In force within a second, also for a `tally up` that runs.',
      )
      .argument('<type>', 'webhook, or slack for what takes the same messages')
      .argument('<name>', 'small letters, digits and -')
      .argument('[url]', 'webhook: where to; of slack the URL is a secret, see --url-secret')
      .option('--url-secret <name>', 'the secret in the vault that holds the whole URL')
      .option('--secret <name>', 'webhook: the secret in the vault that signs it')
      .option('--least <severity>', 'nothing below it: info, warning or critical')
      .option('--no-closes', 'not that an alert is over')
      .option('--json', 'one JSON document'),
    [
      ['tally alerts add webhook ops https://alerts.example/tally --secret ALERT_SECRET', ''],
      ['tally alerts add slack team --url-secret SLACK_URL --least warning', ''],
    ],
  ).action((type: string, name: string, url: string | undefined, options: AddOptions) =>
    add(context, type, name, url, options),
  );
  command
    .command('remove')
    .description('Takes a destination out of the configuration.')
    .argument('<name>')
    .option('--json', 'one JSON document')
    .action((name: string, options: { json?: boolean }) => remove(context, name, options));
  command
    .command('test')
    .description('Sends a marked test to all destinations or one, on the way that alerts take.')
    .argument('[destination]')
    .option('--json', 'one JSON document')
    .addHelpText('after', '\nExit codes: 0 all took it, 1 one did not.')
    .action((destination: string | undefined, options: { json?: boolean }) =>
      test(context, destination, options),
    );
  command
    .command('retry')
    .description('Tries again what was given up or waits, for all destinations or one.')
    .argument('[destination]')
    .option('--json', 'one JSON document')
    .addHelpText('after', '\nExit codes: 0 all were taken, 1 some were not.')
    .action((destination: string | undefined, options: { json?: boolean }) =>
      retry(context, destination, options),
    );
  return command;
}
