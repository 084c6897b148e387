import { Command } from 'commander';
import type { Context } from '../context.ts';
import { examples } from '../help.ts';
import { allow } from './policy/allow.ts';
import { check } from './policy/check.ts';
import { set } from './policy/set.ts';
import { show } from './policy/show.ts';

export function build(context: Context): Command {
  const command = examples(new Command('policy').description('What agents may do. Deny by default.'), [
    ['tally policy allow api.stripe.com', 'one more host'],
    ['tally policy allow localhost:9000 --http --internal', 'a test server on this machine'],
    ['tally policy check', 'would the file be taken?'],
    ['tally policy show', 'the file, and whether it is the one in force'],
  ]);
  command
    .command('allow')
    .description(
      'Adds a host to the allowlist; every other byte of the file stays. In force with the next call.',
    )
    .argument('<host[:port]>', 'exact name or address; without a port the default one of the scheme')
    .option('--http', 'plain http too')
    .option('--internal', 'it may be a loopback, private or otherwise internal address')
    .option('--reason <text>', 'recorded with the change')
    .option('--json', 'one JSON document')
    .action((host: string, options: Parameters<typeof allow>[2]) => allow(context, host, options));
  command
    .command('set')
    .description('Puts a policy file in force ("-": standard input).')
    .argument('<file>')
    .option('--reason <text>', 'recorded with the change')
    .option('--json', 'one JSON document')
    .action((file: string, options: Parameters<typeof set>[2]) => set(context, file, options));
  command
    .command('check')
    .description('Reads a policy file and says what is wrong with it, with lines. Changes nothing.')
    .argument('[file]', 'the policy of this machine when it is left out; "-": standard input')
    .option('--json', 'one JSON document')
    .action((file: string | undefined, options: { json?: boolean }) =>
      check(context, file, options.json === true),
    );
  command
    .command('show')
    .description('The policy file of this machine, and whether the recorder decides by it.')
    .option('--json', 'one JSON document: versions, hashes and the compiled policy')
    .action((options: { json?: boolean }) => show(context, options.json === true));
  return command;
}
