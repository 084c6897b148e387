import { Command } from 'commander';
import type { Context } from '../context.ts';
import { examples } from '../help.ts';
import { demo } from './demo/demo.ts';

export function build(context: Context): Command {
  return examples(
    new Command('demo')
      .description(
        'A recorded session from start to end, with a real server and a real agent, and four attempts to falsify it. In a temporary directory; nothing of yours is touched.',
      )
      .option('--keep', 'leave the directory in place, to look around in it'),
    [
      ['tally demo', 'a few seconds'],
      ['tally demo --keep', 'and look at the log afterwards'],
    ],
  ).action((options: { keep?: boolean }) => demo(context, options.keep === true));
}
