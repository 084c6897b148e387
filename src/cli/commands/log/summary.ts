import { Command } from 'commander';
import { DIMENSIONS, type Dimension, type Summary } from '../../../core/query/port.ts';
import { openAsked } from '../../ask.ts';
import type { Context } from '../../context.ts';
import { type By, dimensionWord, parseBy } from '../../dimensions.ts';
import { type FilterOptions, filterOptions, toFilter } from '../../filters.ts';
import { examples, readingOptions, wholeNumber } from '../../help.ts';
import { toJson } from '../../output/safe.ts';
import { recordRead } from '../../record-read.ts';
import { reportMalformed } from './damage.ts';
import { summaryLines } from './summary-text.ts';

interface SummaryOptions extends FilterOptions {
  readonly by?: readonly By[];
  readonly top: number;
  readonly json?: boolean;
  readonly utc?: boolean;
  readonly dir?: string;
}

const DEFAULT_BY: readonly By[] = ['agent', 'identity', 'credential', 'host', 'decision', 'reasonCode'];
const DEFAULT_TOP = 5;

export function buildSummary(context: Context): Command {
  const command = new Command('summary')
    .summary('how many, by whom, where to, and how it came out')
    .description(
      'Counts of what matches: how it came out, over time, and by agent, identity, credential, host, decision and reason. A call is one row, as in `tally log list`.',
    )
    .option(
      '--by <dimension...>',
      `what to count by: ${[...DIMENSIONS.map(dimensionWord), 'hour', 'day'].join(', ')}`,
      parseBy,
    )
    .option('--top <n>', 'values of each', wholeNumber(1), DEFAULT_TOP)
    .option('--dir <directory>', 'another log directory');
  filterOptions(readingOptions(command)).addHelpText('after', JSON_HELP);
  return examples(command, [
    ['tally log summary --since 7d', 'the last week'],
    ['tally log summary --agent builder --by host,tool', 'where one agent goes'],
    ['tally log summary --blocked --by reason agent --top 20', 'what is stopped, and whose'],
  ]).action((options: SummaryOptions) => summarise(context, options));
}

const JSON_HELP = `
--json prints {"size":n,"since"?,"until"?,"from"?,"to"?,"totals":{…},"by":{"agent":
{"distinct":n,"values":[{"value","first","last",…}]}},"hours":[{"hour",…}]}. Where …
stands are "total","succeeded","failed","stopped","pending","noted" (of which every
row is exactly one) and "redacted". "first" and "last" are indexes of rows, "from"
and "to" the times of the oldest and the newest row; "size" is how many entries of
the log the answer reflects. Hours are those of UTC.`;

async function summarise(context: Context, options: SummaryOptions): Promise<void> {
  const { stdout } = context;
  const zone = { utc: options.utc === true };
  const nowMs = context.now();
  const filter = toFilter(options, nowMs, zone);
  const by = options.by ?? DEFAULT_BY;
  const opened = await openAsked(context, options.dir);
  await recordRead(context, 'summary', filter, options.dir);
  try {
    const { query } = opened;
    const counted = by.filter((each): each is Dimension => each !== 'hour' && each !== 'day');
    const summary = await query.summary(filter, counted, options.top);
    if (options.json === true)
      await stdout.line(
        toJson(summaryJson(summary, { size: query.size, since: filter.since, until: filter.until })),
      );
    else if (summary.totals.total === 0) {
      const { explainEmpty } = await import('../../empty.ts');
      await context.stderr.line(context.stderr.style.dim('no entry matches'));
      for (const hint of await explainEmpty(query, filter))
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
    await reportMalformed(context, opened);
  } finally {
    await opened.close();
  }
}

export function summaryJson(
  { totals, by, hours, from, to }: Summary,
  asked: { readonly size: number; readonly since?: string | undefined; readonly until?: string | undefined },
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
