import { Command } from 'commander';
import type { LogFilter } from '../../../core/query/filter.ts';
import type { Hit } from '../../../core/query/scan.ts';
import { segmentName } from '../../../store/file/names.ts';
import { commandLine } from '../../command-line.ts';
import type { Context } from '../../context.ts';
import { type FilterOptions, filterOptions, toFilter } from '../../filters.ts';
import { examples, readingOptions, wholeNumber } from '../../help.ts';
import { leftOutLine } from '../../output/left-out.ts';
import { grouped } from '../../output/progress.ts';
import { safe, safeJsonText } from '../../output/safe.ts';
import { recordRead } from '../../record-read.ts';
import { reportDamage } from './damage.ts';
import { printTable } from './list-table.ts';
import { type Listing, type ListingEnd, openListing } from './listing.ts';

interface ListOptions extends FilterOptions {
  readonly limit: number;
  readonly before?: number;
  readonly all?: boolean;
  readonly raw?: boolean;
  readonly reads?: boolean;
  readonly json?: boolean;
  readonly jsonl?: boolean;
  readonly utc?: boolean;
  readonly dir?: string;
}

const DEFAULT_ROWS = 20;

export function buildList(context: Context): Command {
  const command = new Command('list')
    .description(
      'Entries of the log, newest first, found through its index. A call is one row: its pre_exec and post_exec folded.',
    )
    .option('-n, --limit <n>', 'rows', wholeNumber(1), DEFAULT_ROWS)
    .option('--before <index>', 'only rows below this index: the next page', wholeNumber(0))
    .option('--all', 'every row')
    .option('--raw', 'one row an entry, pre_exec and post_exec apart, read from the files')
    .option('--reads', 'readings of the log, too; tables leave them out, --json and --jsonl do not')
    .option('--jsonl', 'the stored bytes, one entry a line')
    .option('--dir <directory>', 'another log directory');
  filterOptions(readingOptions(command)).addHelpText('after', JSON_HELP);
  return examples(command, [
    ['tally log list', 'the newest 20 calls and events'],
    ['tally log list --failed --since 1h', 'what went wrong in the last hour'],
    ['tally log list --host api.stripe.com --method POST', 'writes to one host'],
    ['tally log list --agent builder --text "invoice 4711"', 'what one agent did about something'],
    ['tally log list --decision stop --json', 'refused calls, for a program'],
  ]).action((options: ListOptions) => list(context, options, command));
}

const JSON_HELP = `
--json prints {"entries":[…],"total":n|null,"next":n|null,"scanned":n,
"complete":bool,"older":n,"malformed":{"count":n,"lines":[{"segment","offset",
"index","why"}]},"unfit":{"count":n,"entries":[{"index","why"}]}}. Each of
"entries" is a stored entry, unchanged; a folded call is its pre_exec, with
"outcome" and "post_exec" (the stored entry) added. "total" is how many rows match
in the whole log (null when the files were read without the index), "next" the
--before of the next page. "complete" says that nothing older matches, "older" how
many entries lie below the last row. "unfit" are rows of the index that the log
does not hold as they were indexed.`;

async function list(context: Context, options: ListOptions, command: Command): Promise<void> {
  const zone = { utc: options.utc === true };
  const nowMs = context.now();
  const filter = toFilter(options, nowMs, zone);
  // A phase is a property of an entry, not of a call.
  const raw = options.raw === true || options.phase !== undefined;
  const limit = options.all === true ? Number.POSITIVE_INFINITY : options.limit;
  const listing = await openListing(context, {
    filter,
    raw,
    limit,
    before: options.before,
    log: options.dir,
    reads: options.reads === true || options.json === true || options.jsonl === true,
  });
  await recordRead(context, 'list', filter, options.dir);
  try {
    if (options.json === true) return await printJson(context, listing);
    let rows: number;
    if (options.jsonl === true) rows = await printLines(context, listing);
    else rows = await printTable(context, listing.hits(), { raw, zone, nowMs });
    // Whoever closed the output did not ask for the rest.
    if (context.stdout.gone.aborted) return;
    const end = await listing.finish();
    await reportDamage(context, end);
    if (rows === 0) await sayNone(context, listing, filter);
    else await reportRest(context, end, rows, { options, command });
  } finally {
    await listing.close();
  }
}

async function printLines({ stdout }: Context, listing: Listing): Promise<number> {
  let rows = 0;
  for await (const { lines } of listing.hits()) {
    if (stdout.gone.aborted) return rows;
    rows++;
    for (const line of lines.toReversed()) {
      // Exact bytes to a program; on a terminal the same value, spelled so that nothing in it is obeyed.
      if (stdout.isTTY) await stdout.line(safeJsonText(line.toString('utf8')));
      else await stdout.write(Buffer.concat([line, NEWLINE]));
    }
  }
  return rows;
}

const NEWLINE = Buffer.from('\n');

async function printJson(context: Context, listing: Listing): Promise<void> {
  const { stdout } = context;
  let separator = '';
  await stdout.write('{"entries":[');
  for await (const hit of listing.hits()) {
    if (stdout.gone.aborted) return;
    await stdout.write(`${separator}\n${safeJsonText(JSON.stringify(entryJson(hit)))}`);
    separator = ',';
  }
  const end = await listing.finish();
  const { total, next, scanned, older, malformed, unfit } = end;
  const lines = malformed.lines.map(({ first, ...rest }) => ({ segment: segmentName(first), ...rest }));
  const rest = JSON.stringify({
    total: total ?? null,
    next: next ?? null,
    scanned,
    complete: next === undefined && older === 0,
    older,
    malformed: { count: malformed.count, lines },
    unfit: { count: unfit.count, entries: unfit.some },
  });
  await stdout.line(`\n],${safeJsonText(rest.slice(1))}`);
  await reportDamage(context, end);
}

function entryJson({ call: { first, last } }: Hit): unknown {
  return last === undefined ? first : { ...first, outcome: last.outcome, post_exec: last };
}

/** Tells what the list leaves out: nobody shall take a part for the whole. */
async function reportRest(
  { stderr }: Context,
  { total, next, older, leftOut }: ListingEnd,
  rows: number,
  { options, command }: { readonly options: ListOptions; readonly command: Command },
): Promise<void> {
  const { dim } = stderr.style;
  if (total !== undefined && (next !== undefined || options.jsonl !== true))
    await stderr.line(dim(`${grouped(rows)} of ${grouped(total)}`));
  if (total === undefined && older > 0)
    await stderr.line(dim(`up to ${grouped(older)} older entries were not looked at`));
  if (leftOut > 0) await stderr.say(leftOutLine(leftOut, stderr.style));
  if (next !== undefined) await stderr.line(dim(`next: ${safe(commandLine(command, { before: next }))}`));
}

/** An empty answer may be a misspelt question. */
async function sayNone({ stderr }: Context, { query }: Listing, filter: LogFilter): Promise<void> {
  await stderr.line(stderr.style.dim('no entry matches'));
  if (query === undefined) return;
  const { explainEmpty } = await import('../../empty.ts');
  for (const hint of await explainEmpty(query, filter))
    await stderr.line(`${stderr.style.dim('hint:')}  ${hint}`);
}
