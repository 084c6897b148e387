import { Command } from 'commander';
import type { Context } from '../context.ts';
import { examples } from '../help.ts';
import { buildList } from './key/list.ts';
import { buildPin } from './key/pin.ts';
import { buildRotate } from './key/rotate.ts';

export function build(context: Context): Command {
  const command = new Command('key')
    .description('The keys that sign this log, and those that logs of others are checked with.')
    .addCommand(buildList(context))
    .addCommand(buildRotate(context))
    .addCommand(buildPin(context));
  return examples(command, [
    ['tally key list', 'which key signs, and which signed earlier'],
    ['tally key rotate --reason "yearly"', 'another key signs from now on, the old one is erased'],
    ['tally key pin "$VKEY"', 'trust a key for the log of somebody else'],
  ]);
}
