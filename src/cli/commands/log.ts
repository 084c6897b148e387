import { Command } from 'commander';
import type { Context } from '../context.ts';
import { examples } from '../help.ts';
import { buildAcknowledge } from './log/acknowledge.ts';
import { buildContinue } from './log/continue.ts';
import { buildExport } from './log/export.ts';
import { buildHistory } from './log/history.ts';
import { buildList } from './log/list.ts';
import { buildProve } from './log/prove.ts';
import { buildPublish } from './log/publish.ts';
import { buildReplay } from './log/replay.ts';
import { buildRun } from './log/run.ts';
import { buildRuns } from './log/runs.ts';
import { buildShow } from './log/show.ts';
import { buildSummary } from './log/summary.ts';
import { buildTail } from './log/tail.ts';
import { buildVerify } from './log/verify.ts';

export function build(context: Context): Command {
  const command = new Command('log')
    .description('Read, follow, prove and publish the log.')
    .addCommand(buildList(context))
    .addCommand(buildShow(context))
    .addCommand(buildSummary(context))
    .addCommand(buildHistory(context))
    .addCommand(buildRuns(context))
    .addCommand(buildRun(context))
    .addCommand(buildTail(context))
    .addCommand(buildExport(context))
    .addCommand(buildVerify(context, 'log verify'))
    .addCommand(buildProve(context))
    .addCommand(buildReplay(context))
    .addCommand(buildPublish(context))
    .addCommand(buildContinue(context))
    .addCommand(buildAcknowledge(context));
  return examples(command, [
    ['tally log list --failed --since 1h', 'what went wrong'],
    ['tally log show 41', 'why a call was stopped, and its proof'],
    ['tally log summary --since 7d', 'the last week in numbers'],
    ['tally log history builder', 'all that one agent did'],
    ['tally log tail -f', 'watch live'],
  ]);
}
