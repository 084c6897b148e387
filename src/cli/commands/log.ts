import { Command } from 'commander';
import type { CommandEntry } from '../command.ts';
import type { Context } from '../context.ts';
import { addMembers, type Member } from '../group.ts';
import { examples } from '../help.ts';

// biome-ignore format: one line a command
const MEMBERS: readonly Member[] = [
  { name: 'list', summary: 'entries, newest first', load: async () => (await import('./log/list.ts')).buildList },
  { name: 'show', summary: 'one entry, with everything that was decided and its proof', load: async () => (await import('./log/show.ts')).buildShow },
  { name: 'summary', summary: 'how many, by whom, where to, and how it came out', load: async () => (await import('./log/summary.ts')).buildSummary },
  { name: 'history', summary: 'everything that one agent or person did', load: async () => (await import('./log/history.ts')).buildHistory },
  { name: 'runs', summary: 'runs, newest first, with their counts', load: async () => (await import('./log/runs.ts')).buildRuns },
  { name: 'run', summary: 'one run as a timeline of its steps', load: async () => (await import('./log/run.ts')).buildRun },
  { name: 'tail', summary: 'the newest entries, and with -f every new one as it comes', load: async () => (await import('./log/tail.ts')).buildTail },
  { name: 'export', summary: 'take entries out: as they are, as CSV, in another format, or with their proofs', load: async () => (await import('./log/export.ts')).buildExport },
  { name: 'verify', summary: 'prove that nothing was altered', load: async () => (await import('./log/verify.ts')).buildLogVerify },
  { name: 'prove', summary: 'a file that proves one entry to somebody who has nothing else', load: async () => (await import('./log/prove.ts')).buildProve },
  { name: 'replay', summary: 'decide again what was decided, or by another policy', load: async () => (await import('./log/replay.ts')).buildReplay },
  { name: 'publish', summary: 'write the log as static files that any C2SP tlog-tiles client can verify', load: async () => (await import('./log/publish.ts')).buildPublish },
  { name: 'continue', summary: 'go on in a new log after a loss, citing the old one', load: async () => (await import('./log/continue.ts')).buildContinue },
  { name: 'acknowledge', summary: 'say that you have looked at a torn tail that recovery set aside', load: async () => (await import('./log/acknowledge.ts')).buildAcknowledge },
];

export function build(
  context: Context,
  _all?: readonly CommandEntry[],
  words?: readonly string[],
): Promise<Command> {
  const command = examples(new Command('log').description('Read, follow, prove and publish the log.'), [
    ['tally log list --failed --since 1h', 'what went wrong'],
    ['tally log show 41', 'why a call was stopped, and its proof'],
    ['tally log summary --since 7d', 'the last week in numbers'],
    ['tally log history builder', 'all that one agent did'],
    ['tally log tail -f', 'watch live'],
  ]);
  return addMembers(command, MEMBERS, context, words);
}
