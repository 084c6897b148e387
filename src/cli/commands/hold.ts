import { Command } from 'commander';
import type { Context } from '../context.ts';
import { examples, readingOptions } from '../help.ts';
import { asOperator } from '../operator/prompt.ts';
import { safe, toJson } from '../output/safe.ts';
import { holdLine } from '../retention-text.ts';
import { askRunning } from '../running.ts';

interface AddOptions {
  readonly run?: string;
  readonly subject?: string;
  readonly all?: boolean;
  readonly reason: string;
  readonly json?: boolean;
}

export function build(context: Context): Command {
  const command = examples(
    new Command('hold').description(
      'Legal holds: what one covers is neither pruned nor erased until it is released. Each is an entry of the log, and outlives restarts and prunes.',
    ),
    [
      ['tally hold add --run run_01J… --reason "case 12"', 'keep all of one run'],
      ['tally hold add --subject jane@example.com --reason "case 12"', 'keep the payloads about one person'],
      ['tally hold list', 'the holds that stand'],
      ['tally hold release hold_4f… --reason "case closed"', 'over'],
    ],
  );
  command
    .command('add')
    .description('Puts a hold on one run, on one subject, or on everything.')
    .option('--run <id>', 'entries and payloads of this run')
    .option('--subject <text>', 'payloads about this person or thing, and their entries')
    .option('--all', 'everything')
    .requiredOption('--reason <text>', 'recorded with it')
    .option('--json', 'one JSON document')
    .action((options: AddOptions) => add(context, options));
  readingOptions(command.command('list').description('The holds that stand.')).action(
    (options: { json?: boolean; utc?: boolean }) => list(context, options),
  );
  command
    .command('release')
    .description('Releases a hold.')
    .argument('<id>', 'as `tally hold list` shows it')
    .requiredOption('--reason <text>', 'recorded with it')
    .option('--json', 'one JSON document')
    .action((id: string, options: { reason: string; json?: boolean }) => release(context, id, options));
  return command;
}

async function add(context: Context, { run, subject, all, reason, json }: AddOptions): Promise<void> {
  const added = await asOperator(context, (ask) =>
    ask('hold.add', {
      ...(run === undefined ? {} : { run_id: run }),
      ...(subject === undefined ? {} : { subject }),
      ...(all === true ? { all } : {}),
      reason,
    }),
  );
  if (added.pruning_below !== undefined)
    context.warn(
      `entries before ${added.pruning_below} are being removed right now: they were named before this hold`,
    );
  if (run !== undefined) await sayUnknownRun(context, run);
  if (json === true) return context.stdout.line(toJson(added));
  await context.stdout.line(`${safe(added.hold_id)} stands (${safe(added.id)})`);
}

/** A hold may come before its run. A misspelt one protects nothing. */
async function sayUnknownRun(context: Context, run: string): Promise<void> {
  const opened = await context.openQuery();
  try {
    if ((await opened.query.count({ run })) > 0) return;
  } finally {
    await opened.close();
  }
  context.warn(`nothing in this log belongs to run ${run} (yet); the hold stands all the same`);
}

async function list(
  context: Context,
  { json, utc = false }: { json?: boolean; utc?: boolean },
): Promise<void> {
  const told = await askRunning(context, (ask) => ask('hold.list', {}));
  const holds =
    told?.holds ?? (await (await import('../../open/retention-look.ts')).holdsWithoutRecorder(context.paths));
  if (json === true) return context.stdout.line(toJson({ holds }));
  for (const hold of holds) await context.stdout.line(holdLine(hold, { utc }));
  if (holds.length === 0) await context.stderr.line('no hold stands');
}

async function release(
  context: Context,
  id: string,
  { reason, json }: { reason: string; json?: boolean },
): Promise<void> {
  const released = await asOperator(context, (ask) => ask('hold.release', { hold_id: id, reason }));
  if (json === true) return context.stdout.line(toJson(released));
  await context.stdout.line(`${safe(released.hold_id)} is released (${safe(released.id)})`);
}
