import { Command } from 'commander';
import type { Context } from '../context.ts';
import { examples, readingOptions } from '../help.ts';
import { type AnswerOptions, answer } from './approvals/answer.ts';
import { type ListOptions, list, show } from './approvals/list.ts';

export function build(context: Context): Command {
  const command = examples(
    new Command('approvals').description(
      'What agents may do only when a person says yes. A yes is for one call with these very arguments, once, for a short time; it is an entry of the log, with your name.',
    ),
    [
      ['tally approvals list', 'what waits for an answer'],
      ['tally approvals show ID', 'what exactly is asked, and by whom'],
      ['tally approvals approve ID', 'yes, once'],
      ['tally approvals deny ID --reason "not our customer"', 'no'],
    ],
  );
  readingOptions(
    command
      .command('list')
      .description('What waits for an answer, newest first.')
      .option('--all', 'what was answered or ran out, too')
      .addHelpText('after', '\nExit codes: 0, also when nothing waits.'),
  ).action((options: ListOptions) => list(context, options));
  readingOptions(
    command
      .command('show')
      .description('What is asked, by whom and for whom, with the arguments as far as they may be shown.')
      .argument('<id>', 'as `tally approvals list` shows it: its id, its end, or the number of its entry')
      .addHelpText('after', '\nExit codes: 0, 3 nobody asked for it.'),
  ).action((id: string, options: { json?: boolean; utc?: boolean }) => show(context, id, options));
  for (const [name, about] of [
    ['approve', 'Says yes: the call may be made once, as it was asked. For people: no agent may do it.'],
    ['deny', 'Says no. The same call is stopped until the request would have run out.'],
  ] as const) {
    command
      .command(name)
      .description(about)
      .argument('<id>', 'as `tally approvals list` shows it: its id, its end, or the number of its entry')
      .option('--reason <text>', 'recorded with it')
      .option('--json', 'one JSON document')
      .addHelpText(
        'after',
        '\nExit codes: 0, 3 nobody asked for it, 4 you may not, or it was answered or ran out before.',
      )
      .action((id: string, options: AnswerOptions) => answer(context, name, id, options));
  }
  return command;
}
