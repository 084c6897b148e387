import { Command } from 'commander';
import { factsOf } from '../../../core/query/call.ts';
import type { Hit } from '../../../core/query/scan.ts';
import { segmentName } from '../../../store/file/names.ts';
import type { Context } from '../../context.ts';
import { type FilterOptions, filterOptions, toFilter } from '../../filters.ts';
import { examples, readingOptions, wholeNumber } from '../../help.ts';
import { grouped } from '../../output/progress.ts';
import { rowCells, rowColumns } from '../../output/rows.ts';
import { safe, safeJsonText } from '../../output/safe.ts';
import { layOut } from '../../output/table.ts';
import { zoneName } from '../../output/time.ts';
import { type Reading, type ReadingSummary, readLog } from '../../reading.ts';

interface ListOptions extends FilterOptions {
  readonly limit: number;
  readonly all?: boolean;
  readonly raw?: boolean;
  readonly json?: boolean;
  readonly jsonl?: boolean;
  readonly utc?: boolean;
  readonly dir?: string;
}

const DEFAULT_ROWS = 20;
/** Rows that decide the widths of the table; later ones are cut to them, so any number of rows needs no memory. */
const SAMPLE = 200;

export function buildList(context: Context): Command {
  const command = new Command('list')
    .summary('entries, newest first')
    .description(
      'Entries of the log, newest first. A call is one row: its pre_exec and post_exec folded. Reads the raw files, without a lock.',
    )
    .option('-n, --limit <n>', 'rows', wholeNumber(1), DEFAULT_ROWS)
    .option('--all', 'every row')
    .option('--raw', 'one row an entry, pre_exec and post_exec apart')
    .option('--jsonl', 'the stored bytes, one entry a line')
    .option('--dir <directory>', 'another log directory');
  filterOptions(readingOptions(command)).addHelpText('after', JSON_HELP);
  return examples(command, [
    ['tally log list', 'the newest 20 calls and events'],
    ['tally log list --failed --since 1h', 'what went wrong in the last hour'],
    ['tally log list --host api.stripe.com --method POST', 'writes to one host'],
    ['tally log list --decision stop --json', 'refused calls, for a program'],
  ]).action((options: ListOptions) => list(context, options));
}

const JSON_HELP = `
--json prints {"entries":[…],"scanned":n,"complete":bool,"older":n,
"malformed":{"count":n,"lines":[{"segment","offset","why"}]}}. Each of "entries"
is a stored entry, unchanged; a folded call is its pre_exec, with "outcome" and
"post_exec" (the stored entry) added. "complete" says whether every entry that
can match was looked at, "older" how many were not.`;

async function list(context: Context, options: ListOptions): Promise<void> {
  const zone = { utc: options.utc === true };
  const nowMs = context.now();
  const filter = toFilter(options, nowMs, zone);
  // A phase is a property of an entry, not of a call.
  const raw = options.raw === true || options.phase !== undefined;
  const limit = options.all === true ? Number.POSITIVE_INFINITY : options.limit;
  const opened = await context.openReader(options.dir === undefined ? {} : { log: options.dir });
  const reading = await readLog(opened.directory, { filter, raw, limit });
  if (reading.end === undefined) await opened.logInfo();

  if (options.jsonl === true) await printLines(context, reading);
  else if (options.json === true) await printJson(context, reading);
  else if ((await printTable(context, reading, { raw, zone, nowMs })) === 0)
    await sayNone(context, options.type ?? []);
  // Whoever closed the output did not ask for the rest.
  if (context.stdout.gone.aborted) return;
  const summary = reading.summary();
  await reportMalformed(context, summary);
  if (options.json !== true) await reportRest(context, summary, options);
}

async function printLines(context: Context, reading: Reading): Promise<void> {
  const { stdout } = context;
  for await (const { lines } of reading.hits()) {
    if (stdout.gone.aborted) return;
    for (const line of lines.toReversed()) {
      // Exact bytes to a program; on a terminal the same value, spelled so that nothing in it is obeyed.
      if (stdout.isTTY) await stdout.line(safeJsonText(line.toString('utf8')));
      else await stdout.write(Buffer.concat([line, NEWLINE]));
    }
  }
}

const NEWLINE = Buffer.from('\n');

async function printJson(context: Context, reading: Reading): Promise<void> {
  const { stdout } = context;
  let separator = '';
  await stdout.write('{"entries":[');
  for await (const hit of reading.hits()) {
    if (stdout.gone.aborted) return;
    await stdout.write(`${separator}\n${safeJsonText(JSON.stringify(entryJson(hit)))}`);
    separator = ',';
  }
  const { scanned, complete, older, malformed } = reading.summary();
  const lines = malformed.lines.map(({ first, offset, why }) => ({
    segment: segmentName(first),
    offset,
    why,
  }));
  const rest = JSON.stringify({ scanned, complete, older, malformed: { count: malformed.count, lines } });
  await stdout.line(`\n],${rest.slice(1)}`);
}

function entryJson({ call: { first, last } }: Hit): unknown {
  return last === undefined ? first : { ...first, outcome: last.outcome, post_exec: last };
}

async function printTable(
  context: Context,
  reading: Reading,
  options: { readonly raw: boolean; readonly zone: { readonly utc: boolean }; readonly nowMs: number },
): Promise<number> {
  const { stdout } = context;
  const { style } = stdout;
  let rows = 0;
  const columns = rowColumns(options.raw).map((column) =>
    column.header === 'TIME'
      ? { ...column, header: `TIME (${zoneName(options.nowMs, options.zone)})` }
      : column,
  );
  const cells = (hit: Hit) => rowCells(factsOf(hit.call), { ...options, style });
  let sample: ReturnType<typeof cells>[] | undefined = [];
  let layout = layOut(columns, [], stdout.width);

  async function begin(rows: readonly ReturnType<typeof cells>[]): Promise<void> {
    if (rows.length === 0) return;
    layout = layOut(columns, rows, stdout.width);
    await stdout.line(layout.header(style.dim));
    for (const row of rows) await stdout.line(layout.row(row));
  }

  for await (const hit of reading.hits()) {
    if (stdout.gone.aborted) return rows;
    rows++;
    const row = cells(hit);
    if (sample === undefined) await stdout.line(layout.row(row));
    else {
      sample.push(row);
      if (sample.length < SAMPLE) continue;
      await begin(sample);
      sample = undefined;
    }
  }
  await begin(sample ?? []);
  return rows;
}

async function reportMalformed({ stderr }: Context, { malformed }: ReadingSummary): Promise<void> {
  if (malformed.count === 0) return;
  const lines = malformed.count === 1 ? 'line of the log is no entry' : 'lines of the log are no entries';
  await stderr.line(
    `${stderr.style.red('damaged:')} ${grouped(malformed.count)} ${lines}; see \`tally verify\``,
  );
  for (const { first, offset, why } of malformed.lines) {
    await stderr.line(`  entries/${segmentName(first)} at byte ${offset}: ${safe(why)}`);
  }
}

/** Tells what the list leaves out: nobody shall take a part for the whole. */
async function reportRest({ stderr }: Context, summary: ReadingSummary, options: ListOptions): Promise<void> {
  const { dim } = stderr.style;
  if (!summary.complete) {
    await stderr.line(
      dim(
        `up to ${grouped(summary.older)} older entries were not looked at (-n ${options.limit * 5}, --since, --all)`,
      ),
    );
  }
}

/** An empty answer may be a misspelt question. Types are loaded only now: their schema is large. */
async function sayNone({ stderr }: Context, types: readonly string[]): Promise<void> {
  await stderr.line(stderr.style.dim('no entry matches'));
  const { ENTRY_TYPES } = await import('../../../core/entry.ts');
  const { didYouMean } = await import('../../../core/policy/suggest.ts');
  const families = ENTRY_TYPES.map((type) => type.split('.')[0] ?? type);
  const known = new Set<string>([...ENTRY_TYPES, ...families]);
  for (const type of types.map((name) => name.replace(/\.\*$/, ''))) {
    const meant = known.has(type) ? undefined : didYouMean(type, known);
    if (meant !== undefined) await stderr.line(`${stderr.style.dim('hint:')}  did you mean --type ${meant}?`);
  }
}
