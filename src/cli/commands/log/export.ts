import { Command, Option } from 'commander';
import { asTallyError, TallyError } from '../../../core/error.ts';
import type { LogFilter } from '../../../core/query/filter.ts';
import { VIEW_NAMES, VIEWS, type ViewName } from '../../../core/view/views.ts';
import type { OpenedQuery } from '../../../open/query.ts';
import type { Context } from '../../context.ts';
import { boundedFilter } from '../../export/filter-record.ts';
import { beginExport, isOwnLog, type RecordedExport } from '../../export/recorded.ts';
import { fileSink, outputSink, type Sink, type Written } from '../../export/sink.ts';
import { type Exported, writeExport } from '../../export/write.ts';
import { type FilterOptions, filterOptions, toFilter } from '../../filters.ts';
import { examples } from '../../help.ts';
import { withRunMeant } from '../../meant.ts';
import { hintLine } from '../../output/failure.ts';
import { createProgress } from '../../output/progress.ts';
import { safeJsonText, safeLines } from '../../output/safe.ts';
import { tellExport } from './export-told.ts';

export interface ExportOptions extends FilterOptions {
  readonly format: 'jsonl' | 'csv';
  readonly view?: ViewName;
  readonly out: string;
  readonly bundle?: string;
  readonly force?: boolean;
  readonly snapshots: boolean;
  readonly unrecorded?: boolean;
  readonly json?: boolean;
  readonly utc?: boolean;
  readonly dir?: string;
}

export function buildExport(context: Context): Command {
  const command = new Command('export')
    .description(
      'Writes everything that matches, oldest first, however much it is. jsonl is the stored bytes of the entries with the policy snapshots they cite; --view shows them in a published format; --bundle adds a proof for every entry. Each export is an entry of the log, written before the first byte leaves.',
    )
    .addOption(new Option('--format <format>', 'jsonl or csv').choices(['jsonl', 'csv']).default('jsonl'))
    .addOption(new Option('--view <name>', 'in the shape of a published format').choices(VIEW_NAMES))
    .option('--out <file>', 'write it there (0600), whole or not at all; - is standard output', '-')
    .option('--bundle <directory>', 'a directory with the entries, their proofs, and a manifest')
    .option('--force', 'replace a file that is there')
    .option('--no-snapshots', 'jsonl without the policy snapshots that the entries cite')
    .option('--unrecorded', 'export although the log cannot be written')
    .option('--dir <directory>', 'another log directory')
    .option('--utc', 'times in filters are UTC, not the local zone')
    .option('--json', 'the summary as one JSON document; with --out FILE or --bundle');
  filterOptions(command).addHelpText('after', HELP);
  return examples(command, [
    ['tally log export --since 30d --out november.jsonl', 'the stored bytes of a month'],
    ['tally log export --format csv --failed > failed.csv', 'for a spreadsheet'],
    ['tally log export --view agentsecrets --format csv', 'in the columns of another tool'],
    ['tally log export --run run_1 --bundle evidence/', 'one run, with a proof for every entry'],
  ]).action((options: ExportOptions) => exportLog(context, options));
}

const HELP = `
jsonl without a view: a line is an entry (its stored bytes: they hash to its leaf),
or a policy snapshot, which has no "index", whose SHA-256 is the hash that entries
after it cite. The halves of a call stand where the log has them. csv follows
RFC 4180; a cell that a spreadsheet would take for a formula begins with '.
--json prints {"status","rows","entries","records","snapshots","replaced",
"unreadable","lines_that_are_no_entries","missing_snapshots","altered_snapshots",
"bytes","sha256","out","recorded"}. Columns and formats: docs/exports.md.`;

async function exportLog(context: Context, options: ExportOptions): Promise<void> {
  refuseMisfits(options);
  const filter = toFilter(options, context.now(), { utc: options.utc === true });
  if (options.bundle !== undefined) {
    const { exportBundle } = await import('../../export/bundle.ts');
    return exportBundle(context, options.bundle, filter, options);
  }
  const signal = AbortSignal.any([context.interrupted(), context.stdout.gone]);
  const log = options.dir === undefined ? {} : { log: options.dir };
  const opened = await context.openQuery({ ...log, signal });
  try {
    if (opened.query.size === 0) await opened.opened.logInfo();
    const toStdout = options.out === '-';
    const meant = await withRunMeant(opened.query, filter);
    const sink = toStdout
      ? outputSink(context.stdout, options.format === 'csv' ? safeLines : safeJsonLines)
      : await fileSink(options.out, options.force === true);
    await run(context, { opened, options, filter: meant, sink, signal, toStdout });
  } finally {
    await opened.close();
  }
}

/** Lines stay lines. */
function safeJsonLines(text: string): string {
  return text.split('\n').map(safeJsonText).join('\n');
}

function refuseMisfits({ format, view, bundle, out, json, phase, force }: ExportOptions): void {
  if (phase !== undefined)
    throw misfit('--phase', 'an export has whole calls', 'choose them by --status or --decision');
  if (bundle !== undefined && (view !== undefined || format === 'csv' || out !== '-'))
    throw misfit(
      '--bundle',
      'it holds the stored bytes, which alone can be proved',
      'leave out --format, --view and --out',
    );
  if (bundle !== undefined && force === true)
    throw misfit('--force', 'a bundle replaces nothing', 'name a directory that is not there yet');
  if (json === true && bundle === undefined && out === '-')
    throw misfit('--json', 'standard output is the export itself', 'add --out FILE');
}

function misfit(option: string, why: string, hint: string): TallyError {
  return new TallyError('USAGE', `${option} does not fit here: ${why}`, { hint });
}

interface Run {
  readonly opened: OpenedQuery;
  readonly options: ExportOptions;
  readonly filter: LogFilter;
  readonly sink: Sink;
  readonly signal: AbortSignal;
  readonly toStdout: boolean;
}

async function run(context: Context, what: Run): Promise<void> {
  const { opened, options, filter, sink, toStdout } = what;
  let record: RecordedExport | undefined;
  let finished = false;
  try {
    record = await beginExport(
      context,
      {
        format: options.format,
        ...(options.view === undefined ? {} : { view: options.view }),
        destination: toStdout ? 'stdout' : 'file',
        filter: boundedFilter(filter),
        size: opened.query.size,
      },
      { own: await isOwnLog(context, opened.opened), unrecorded: options.unrecorded === true },
    );
    const produced = await produce(context, what, record);
    if (produced === undefined) return;
    finished = true;
    const { done, written } = produced;
    const { count } = await opened.query.malformed();
    await tellExport(context, {
      ...done,
      ...written,
      out: toStdout ? undefined : options.out,
      malformed: count,
      recorded: record.id,
      json: options.json === true,
    });
    if (done.rows === 0) await sayWhyEmpty(context, what);
  } finally {
    if (!finished) await sink.abort();
    await record?.close();
  }
}

/** An export of nothing is most often a misspelt question. */
async function sayWhyEmpty({ stderr }: Context, { opened, filter }: Run): Promise<void> {
  const { explainEmpty } = await import('../../empty.ts');
  for (const hint of await explainEmpty(opened.query, filter)) await stderr.line(hintLine(hint, stderr));
}

/** undefined when the reader of the pipe has gone: whoever closed it has what they wanted. */
async function produce(
  context: Context,
  { opened, options, filter, sink, signal }: Run,
  record: RecordedExport,
): Promise<{ readonly done: Exported; readonly written: Written } | undefined> {
  const progress = createProgress(context.stderr, 'exporting', 'rows');
  const total = context.stderr.isTTY ? await opened.query.count(filter) : undefined;
  let rows = 0;
  try {
    const done = await writeExport(
      opened,
      {
        filter,
        format: options.format,
        snapshots: options.snapshots,
        ...(options.view === undefined ? {} : { view: VIEWS[options.view] }),
      },
      sink,
      {
        signal,
        onProgress(n) {
          rows = n;
          progress.update(n, total);
        },
      },
    );
    const written = await sink.finish();
    // The reader may have closed the pipe behind the last look.
    signal.throwIfAborted();
    const { rows: all, entries, records, snapshots } = done;
    const ended = {
      status: done.unreadable > 0 ? 'error' : 'ok',
      rows: all,
      entries,
      records,
      snapshots,
    } as const;
    const damage = done.unreadable > 0 ? { error_kind: 'LOG_DAMAGED' } : {};
    if (!(await record.end({ ...ended, ...damage, ...written }))) context.exit(8);
    return { done, written };
  } catch (error) {
    // A pipe that nobody reads is closed by its reader; a disk that is full ends the stream too, and that is a failure.
    const aborted = signal.aborted && context.stdout.failure === undefined;
    const failure = asTallyError(error);
    await record.end({
      status: aborted ? 'aborted' : 'error',
      bytes: sink.bytes,
      rows,
      entries: 0,
      records: 0,
      snapshots: 0,
      ...(aborted ? {} : { error_kind: failure.code, error: failure.message }),
    });
    if (!aborted) throw error;
    if (!context.interrupted().aborted) return undefined;
    throw new TallyError('INTERRUPTED', 'interrupted: the export is not whole, and no file is left of it', {
      hint: `run it again${record.id === undefined ? '' : '; the log says that this one was aborted'}`,
      cause: error,
    });
  } finally {
    progress.end();
  }
}
