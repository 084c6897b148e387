import { Command } from 'commander';
import type { Context } from '../context.ts';
import { examples } from '../help.ts';
import { type AddOptions, add, remove } from './anchor/add.ts';
import { list } from './anchor/list.ts';
import { run } from './anchor/run.ts';

const KINDS = `
What each proves, and what it does not: docs/anchors.md.
  rfc3161  a time stamping authority signs when it saw a checkpoint
  witness  it signs that it saw a checkpoint, and only ever longer ones
  git      a commit a checkpoint, pushed where --remote says
  file     another disk, a mount, a bucket that lets nothing be changed
  webhook  a POST to an endpoint of yours`;

export function build(context: Context): Command {
  const command = examples(
    new Command('anchor').description(
      'What outside of this machine is shown the log’s checkpoints: evidence that who takes the machine cannot rewrite.',
    ),
    [
      ['tally anchor add file disk /mnt/backup/tally', 'a directory on another disk'],
      ['tally anchor list', 'what is configured, and how far behind it is'],
      ['tally anchor run', 'show the newest checkpoint now'],
      ['tally anchor remove disk', 'its receipts stay'],
    ],
  );
  examples(
    command
      .command('add')
      .description('Adds an anchor to the configuration. In force at once, also for a recorder that runs.')
      .argument('<type>', 'rfc3161, witness, git, file or webhook')
      .argument('<name>', 'small letters, digits and -')
      .argument('<place>', 'a URL, or the path of a directory')
      .option('--every <time>', 'the shortest time between two checkpoints: 90s, 10m, 6h, 1d')
      .option('--ca <file>', 'rfc3161: the certificate of the authority, in PEM')
      .option('--vkey <key>', 'witness: its public key')
      .option('--remote <name>', 'git: push to this remote of the repository')
      .option('--branch <name>', 'git: the branch to commit to ("tallystick")')
      .option('--secret <name>', 'webhook: the credential in the vault that signs it')
      .option('--json', 'one JSON document')
      .addHelpText('after', KINDS),
    [
      ['tally anchor add rfc3161 stamp https://tsa.example/tsr --ca tsa-root.pem', ''],
      ['tally anchor add witness w1 https://witness.example --vkey "$VKEY"', ''],
      ['tally anchor add git repo /srv/checkpoints --remote origin', ''],
      ['tally anchor add file disk /mnt/backup/tally --every 1h', ''],
      ['tally anchor add webhook hook https://example.org/tally --secret HOOK_SECRET', ''],
    ],
  ).action((type: string, name: string, place: string, options: AddOptions) =>
    add(context, type, name, place, options),
  );
  command
    .command('remove')
    .description('Takes an anchor out of the configuration. What it was shown stays evidence.')
    .argument('<name>')
    .option('--json', 'one JSON document')
    .action((name: string, options: { json?: boolean }) => remove(context, name, options));
  command
    .command('list')
    .description('What is configured, what each anchor was shown last, and what fails.')
    .option('--json', 'one JSON document')
    .action((options: { json?: boolean }) => list(context, options));
  command
    .command('run')
    .description('Signs, and shows the newest checkpoint to all anchors or one, whether it is due or not.')
    .argument('[name]')
    .option('--json', 'one JSON document')
    .addHelpText(
      'after',
      '\nExit codes: 0 all have it, 1 one failed, 6 one has seen another or a longer log.',
    )
    .action((name: string | undefined, options: { json?: boolean }) => run(context, name, options));
  return command;
}
