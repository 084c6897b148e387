import { Command } from 'commander';
import type { Context } from '../context.ts';
import { examples } from '../help.ts';
import { path, renew, show } from './ca/ca.ts';

export function build(context: Context): Command {
  const command = new Command('ca').description(
    'The local certificate authority: the broker ends the TLS of programs that use it as their proxy, for hosts that the policy names, with certificates that this authority signs. `tally run` has its programs trust it, and nothing else on this machine does.',
  );
  command.addCommand(
    examples(
      new Command('show')
        .summary('its name, fingerprint and end, and how others are told to trust it')
        .option('--json', 'one JSON document')
        .action((options: { readonly json?: boolean }) => show(context, options)),
      [['tally ca show', 'makes it when there is none yet']],
    ),
  );
  command.addCommand(
    examples(
      new Command('path')
        .summary('the file of its certificate, for scripts')
        .option('--bundle', 'the file with the roots of the system too')
        .option('--json', 'one JSON document')
        .action((options: { readonly bundle?: boolean; readonly json?: boolean }) => path(context, options)),
      [
        ['curl --cacert "$(tally ca path)" --proxy http://127.0.0.1:8765 https://api.example.com/', ''],
        ['tally ca path --bundle', 'for programs that take one file for all roots'],
      ],
    ),
  );
  command.addCommand(
    examples(
      new Command('renew')
        .summary('make another one, when its key may be known to others')
        .option('--reason <text>', 'why, for whoever reads the log later')
        .option('--json', 'one JSON document')
        .action((options: { readonly reason?: string; readonly json?: boolean }) => renew(context, options)),
      [['tally ca renew --reason "a backup was lost"', 'programs that run now have to be started again']],
    ),
  );
  return examples(command, [
    ['tally ca show', 'its fingerprint, its end, and how to trust it elsewhere'],
    ['tally ca path', 'the file to trust, for scripts'],
    ['tally ca renew', 'another one in its place'],
  ]);
}
