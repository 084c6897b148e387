import { Command } from 'commander';
import type { Context } from '../context.ts';
import { examples, portNumber, wholeNumber } from '../help.ts';
import { type AddOptions, addWitness } from './witness/add.ts';
import { type ListOptions, listLogs } from './witness/list.ts';
import { type ServeOptions, serve } from './witness/serve.ts';
import { type TrustOptions, trust } from './witness/trust.ts';

const DIR = ['--dir <directory>', 'of the witness: its key, its logs and what it cosigned'] as const;

export function build(context: Context): Command {
  return new Command('witness')
    .description(
      'Witnesses outside of this machine that cosign this log, and being one for the logs of others.',
    )
    .addCommand(add(context))
    .addCommand(serveCommand(context))
    .addCommand(trustCommand(context))
    .addCommand(listCommand(context));
}

function add(context: Context): Command {
  const command = new Command('add')
    .summary('have this log cosigned by a witness')
    .description(
      'Shows the checkpoints of this log to a witness from now on. It has to be given the key of this log.',
    )
    .argument('<url>', 'of the witness, without /add-checkpoint')
    .argument('<vkey>', 'the key of the witness, as its operator publishes it')
    .option('--name <name>', 'of the anchor (default: from the name of the witness)')
    .option('--quorum <k>', 'so many different witnesses have to cosign a checkpoint', wholeNumber(1))
    .option('--json', 'one JSON document');
  examples(command, [
    ['tally witness add https://witness.example VKEY', 'one witness'],
    ['tally witness add https://w2.example VKEY --quorum 2', 'a second one, and both are needed'],
  ]);
  return command.action((url: string, vkey: string, options: AddOptions) =>
    addWitness(context, url, vkey, options),
  );
}

function serveCommand(context: Context): Command {
  const command = new Command('serve')
    .summary('be a witness for other logs')
    .description(
      'Cosigns the checkpoints of logs that it trusts, each when it continues the one before, and stays. Makes its key at the first start.',
    )
    .option('--port <port>', 'to listen on (0: any)', portNumber, 7701)
    .option('--host <address>', 'to listen on; other machines reach it only when this is set', '127.0.0.1')
    .option(...DIR)
    .option('--log <vkey...>', 'trust this log, as with tally witness trust')
    .option('--name <name>', 'of a new witness: a host and a path that say who runs it')
    .option('--json', 'one line of JSON when it is ready');
  examples(command, [
    ['tally witness serve --log VKEY', 'cosign one log'],
    [
      'tally witness serve --name witness.example/w1 --host 0.0.0.0',
      'under a name of your own, for other machines',
    ],
  ]);
  return command.action((options: ServeOptions) => serve(context, options));
}

function trustCommand(context: Context): Command {
  const command = new Command('trust')
    .summary('cosign the log of this key')
    .description(
      'Has our witness cosign the log of this key, also while it runs. A log whose key was rotated needs the new one too.',
    )
    .argument('<vkey>', 'the key of the log: tally key list prints it there')
    .option(...DIR)
    .option('--json', 'one JSON document');
  examples(command, [['tally witness trust VKEY', 'the witness of this machine']]);
  return command.action((vkey: string, options: TrustOptions) => trust(context, vkey, options));
}

function listCommand(context: Context): Command {
  const command = new Command('list')
    .summary('the logs that our witness cosigns')
    .description(
      'The key of our witness, the logs that it trusts by which keys, and how far it cosigned each. A log whose key was rotated is cosigned again when its new key is trusted too.',
    )
    .option(...DIR)
    .option('--json', 'one JSON document');
  examples(command, [['tally witness list', 'its key and its logs']]);
  return command.action((options: ListOptions) => listLogs(context, options));
}
