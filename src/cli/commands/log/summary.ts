import { Command } from 'commander';
import { DIMENSIONS, type Dimension, type Summary } from '../../../core/query/port.ts';
import { openAsked } from '../../ask.ts';
import type { Context } from '../../context.ts';
import { type By, dimensionWord, parseBy } from '../../dimensions.ts';
import { type FilterOptions, filterOptions, toFilter } from '../../filters.ts';
import { examples, readingOptions, wholeNumber } from '../../help.ts';
import { withRunMeant } from '../../meant.ts';
import { leftOutLine } from '../../output/left-out.ts';
import { toJson } from '../../output/safe.ts';
import { recordRead } from '../../record-read.ts';
import { reportMalformed } from './damage.ts';
import { summaryLines } from './summary-text.ts';

interface SummaryOptions extends FilterOptions {
  readonly by?: readonly By[];
  readonly top: number;
  readonly reads?: boolean;
  readonly json?: boolean;
  readonly utc?: boolean;
  readonly dir?: string;
}

const DEFAULT_BY: readonly By[] = ['agent', 'identity', 'credential', 'host', 'decision', 'reasonCode'];
const DEFAULT_TOP = 5;

export function buildSummary(context: Context): Command {
  const command = new Command('summary')
    .description(
      'Counts of what matches: how it came out, over time, and by agent, identity, credential, host, decision and reason. A call is one row, as in `tally log list`.',
    )
    .option(
      '--by <dimension...>',
      `what to count by: ${[...DIMENSIONS.map(dimensionWord), 'hour', 'day'].join(', ')}`,
      parseBy,
    )
    .option('--top <n>', 'values of each', wholeNumber(1), DEFAULT_TOP)
    .option('--reads', 'readings of the log, too')
    .option('--dir <directory>', 'another log directory');
  filterOptions(readingOptions(command)).addHelpText('after', JSON_HELP);
  return examples(command, [
    ['tally log summary --since 7d', 'the last week'],
    ['tally log summary --agent builder --by host,tool', 'where one agent goes'],
    ['tally log summary --blocked --by reason agent --top 20', 'what is stopped, and whose'],
  ]).action((options: SummaryOptions) => summarise(context, options));
}

const JSON_HELP = `
--json prints {"size":n,"reads":n,"since"?,"until"?,"from"?,"to"?,"totals":{…},"by":{"agent":
{"distinct":n,"values":[{"value","first","last",…}]}},"hours":[{"hour",…}]}. Where …
stands are "total","succeeded","failed","stopped","pending","noted" (of which every
row is exactly one) and "redacted". "first" and "last" are indexes of rows, "from"
and "to" the times of the oldest and the newest row; "size" is how many entries of
the log the answer reflects, "reads" how many readings of the log match and are not
counted (--reads counts them). Hours are those of UTC.`;

const READ = 'log.read';

async function summarise(context: Context, options: SummaryOptions): Promise<void> {
  const { stdout } = context;
  const zone = { utc: options.utc === true };
  const nowMs = context.now();
  const written = toFilter(options, nowMs, zone);
  const by = options.by ?? DEFAULT_BY;
  const opened = await openAsked(context, options.dir);
  await recordRead(context, 'summary', written, options.dir);
  try {
    const { query } = opened;
    const asked = await withRunMeant(query, written);
    // Who looks around is not what the log is about, and would soon be most of it.
    const without = options.reads !== true && asked.types === undefined;
    const filter = without ? { ...asked, notTypes: [READ] } : asked;
    const reads = without ? await query.count({ ...asked, types: [READ] }) : 0;
    const counted = by.filter((each): each is Dimension => each !== 'hour' && each !== 'day');
    const summary = await query.summary(filter, counted, options.top);
    if (options.json === true)
      await stdout.line(
        toJson(summaryJson(summary, { size: query.size, reads, since: filter.since, until: filter.until })),
      );
    else if (summary.totals.total === 0) {
      const { explainEmpty } = await import('../../empty.ts');
      await context.stderr.line(context.stderr.style.dim('no entry matches'));
      for (const hint of await explainEmpty(query, asked))
        await context.stderr.line(`${context.stderr.style.dim('hint:')}  ${hint}`);
    } else {
      const lines = summaryLines(summary, {
        by,
        top: options.top,
        sinceMs: filter.since === undefined ? undefined : Date.parse(filter.since),
        untilMs: filter.until === undefined ? undefined : Date.parse(filter.until),
        nowMs,
        zone,
        style: stdout.style,
        width: stdout.width,
      });
      for (const line of lines) await stdout.line(line);
    }
    if (reads > 0 && options.json !== true)
      await context.stderr.say(leftOutLine(reads, context.stderr.style));
    await reportMalformed(context, opened);
  } finally {
    await opened.close();
  }
}

export function summaryJson(
  { totals, by, hours, from, to }: Summary,
  asked: {
    readonly size: number;
    readonly reads: number;
    readonly since?: string | undefined;
    readonly until?: string | undefined;
  },
): object {
  const counts = Object.entries(by).map(([dimension, { distinct, values }]) => [
    dimensionWord(dimension as Dimension),
    {
      distinct,
      values: values.map(({ value, tally, first, last }) => ({ value, ...tally, first, last })),
    },
  ]);
  return {
    ...asked,
    from,
    to,
    totals,
    by: Object.fromEntries(counts),
    hours: hours.map(({ hour, tally }) => ({ hour, ...tally })),
  };
}
