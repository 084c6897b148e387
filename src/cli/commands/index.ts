import { Command } from 'commander';
import { rebuildIndex } from '../../open/index-of.ts';
import { type IndexStatus, indexStatus } from '../../open/index-status.ts';
import type { Context } from '../context.ts';
import { counted, type Fact, factLines, formatBytes } from '../facts.ts';
import { examples } from '../help.ts';
import { createProgress } from '../output/progress.ts';
import { safe, toJson } from '../output/safe.ts';
import { entriesPresent } from '../present.ts';

interface Options {
  readonly json?: boolean;
}

export function build(context: Context): Command {
  const command = examples(
    new Command('index').description(
      'What makes the log quick to ask. It follows from the log: deleting it loses nothing, and whoever asks next makes it again.',
    ),
    [
      ['tally index status', 'how far it is, and how large'],
      ['tally index rebuild', 'make it again from the log'],
    ],
  );
  examples(
    command
      .command('status')
      .description('How far the index is. Changes nothing.')
      .option('--json', 'one JSON document'),
    [
      ['tally index status', 'at a glance'],
      ['tally index status --json', 'for programs'],
    ],
  ).action((options: Options) => status(context, options));
  examples(
    command
      .command('rebuild')
      .description('Makes the index again from the log, with progress. The log is only read.')
      .option('--json', 'one JSON document'),
    [['tally index rebuild', 'after an answer that cannot be right']],
  ).action((options: Options) => rebuild(context, options));
  return command;
}

async function current(context: Context): Promise<IndexStatus> {
  const { directory } = await context.openReader();
  return indexStatus(context.paths, directory, await entriesPresent(directory));
}

async function status(context: Context, { json }: Options): Promise<void> {
  const found = await current(context);
  if (json === true) return context.stdout.line(toJson(found));
  for (const line of factLines(indexFacts(found), context.stdout)) await context.stdout.line(line);
}

async function rebuild(context: Context, { json }: Options): Promise<void> {
  const { directory } = await context.openReader();
  const progress = createProgress(context.stderr, 'indexing', 'entries');
  const started = performance.now();
  try {
    await rebuildIndex(context.paths, directory, {
      onProgress: progress.update,
      onWarning: context.warn,
      signal: context.interrupted(),
    });
  } finally {
    progress.end();
  }
  const seconds = (performance.now() - started) / 1000;
  const found = await current(context);
  if (json === true)
    return context.stdout.line(toJson({ ...found, seconds: Math.round(seconds * 1000) / 1000 }));
  await context.stdout.line(
    `made again: ${counted(found.entries, 'entry', 'entries')} in ${seconds.toFixed(1)} s, ${formatBytes(found.bytes)}`,
  );
}

export function indexFacts(found: IndexStatus): readonly Fact[] {
  return [
    ['index', found.path],
    ['state', stateText(found)],
    ['entries', counted(found.entries, 'entry', 'entries')],
    ['lag', found.lag === 0 ? 'none' : `${counted(found.lag, 'entry', 'entries')} behind the log`],
    [
      'size',
      found.bytes_per_entry === undefined
        ? formatBytes(found.bytes)
        : `${formatBytes(found.bytes)}, ${found.bytes_per_entry} bytes an entry`,
    ],
  ];
}

function stateText({ state, problem }: IndexStatus): string {
  switch (state) {
    case 'ready':
      return 'ready';
    case 'none':
      return 'there is none yet; the first question makes it';
    case 'other':
      return 'of another log or another version: the next question makes it again';
    case 'damaged':
      return `damaged, the next question makes it again: ${safe(problem ?? '')}`;
  }
}
