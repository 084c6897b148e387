import { Command } from 'commander';
import { textAt } from '../../../core/query/fields.ts';
import type { Tally } from '../../../core/query/port.ts';
import type { OpenedQuery } from '../../../open/query.ts';
import { openAsked } from '../../ask.ts';
import { type AskedRow, askPage } from '../../asking.ts';
import { commandLine } from '../../command-line.ts';
import type { Context } from '../../context.ts';
import { type FilterOptions, toFilter } from '../../filters.ts';
import { examples, readingOptions, wholeNumber } from '../../help.ts';
import { oneRow, runTookMs } from '../../lookup.ts';
import { NARROW } from '../../output/narrow.ts';
import { grouped } from '../../output/progress.ts';
import { safe, toJson } from '../../output/safe.ts';
import type { Style } from '../../output/style.ts';
import { type Cell, type Column, layOut } from '../../output/table.ts';
import { formatDuration, formatRecent, type Zone, zoneName } from '../../output/time.ts';
import { recordRead } from '../../record-read.ts';
import { runsWithoutStart } from '../../startless.ts';
import { reportMalformed } from './damage.ts';

interface RunsOptions extends Pick<FilterOptions, 'agent' | 'user' | 'project' | 'env' | 'since' | 'until'> {
  readonly limit: number;
  readonly before?: number;
  readonly json?: boolean;
  readonly utc?: boolean;
  readonly dir?: string;
}

const DEFAULT_ROWS = 20;

export function buildRuns(context: Context): Command {
  const command = new Command('runs')
    .description(
      'Runs, newest first: whose, how long, how many steps, and how they ended. Those without a run.start, such as imported ones, stand where their first entry does.',
    )
    .option('-n, --limit <n>', 'runs', wholeNumber(1), DEFAULT_ROWS)
    .option('--before <index>', 'only runs that started below this index: the next page', wholeNumber(0))
    .option('--agent <id>', 'only runs of this agent')
    .option('--user <id>', 'only runs of this person')
    .option('--project <id>', 'only this project')
    .option('--env <name>', 'only this environment')
    .option('--since <time>', 'started since: 2h, 7d (ago), today, 2026-11-20, or RFC 3339')
    .option('--until <time>', 'started before')
    .option('--dir <directory>', 'another log directory');
  readingOptions(command).addHelpText('after', JSON_HELP);
  return examples(command, [
    ['tally log runs --since today', 'what ran today'],
    ['tally log runs --agent builder', 'the runs of one agent'],
    ['tally log run RUN', 'the timeline of one of them'],
  ]).action((options: RunsOptions) => listRuns(context, options, command));
}

const JSON_HELP = `
--json prints {"runs":[{"run","index","started","ended":{"index","ts","status"}|null,
"took_ms"?,"agent"?,"user"?,"purpose"?,"totals":{…}}],"total":n,"next":n|null}.
"took_ms" is what the run's end says, else the time between its entries.`;

interface ShownRun {
  readonly run: string;
  readonly index: number;
  readonly started: string | undefined;
  readonly ended: {
    readonly index: number;
    readonly ts: string | undefined;
    readonly status: string | undefined;
  } | null;
  readonly took_ms: number | undefined;
  readonly agent: string | undefined;
  readonly user: string | undefined;
  readonly purpose: string | undefined;
  readonly totals: Tally;
}

async function listRuns(context: Context, options: RunsOptions, command: Command): Promise<void> {
  const { stdout, stderr } = context;
  const zone = { utc: options.utc === true };
  const filter = { ...toFilter(options, context.now(), zone), types: ['run.start'] };
  const opened = await openAsked(context, options.dir);
  await recordRead(context, 'runs', filter, options.dir);
  try {
    const { limit, before } = options;
    const page = askPage(opened, { filter, limit, ...(before === undefined ? {} : { before }) });
    const started: ShownRun[] = [];
    for await (const asked of page.rows()) {
      const run = await runOf(opened, asked);
      if (run !== undefined) started.push(run);
    }
    const { total: withStart, next: nextStart, unfit } = await page.finish();
    const { types: _types, ...whose } = filter;
    const startless = await runsWithoutStart(opened.query, whose);
    if (startless === undefined)
      context.warn('there are too many runs in this log: those without a run.start are not listed');
    const total = withStart + (startless?.length ?? 0);
    const older = (startless ?? []).filter(
      ({ first }) =>
        (before === undefined || first < before) && (nextStart === undefined || first > nextStart),
    );
    const others: ShownRun[] = [];
    for (const { run, first } of older.slice(0, limit)) {
      const found = await startlessRun(opened, run, first);
      if (found !== undefined) others.push(found);
    }
    const all = [...started, ...others].sort((a, b) => b.index - a.index);
    const runs = all.slice(0, limit);
    const isCut = all.length > limit || older.length > limit;
    const next = isCut ? runs.at(-1)?.index : nextStart;
    const { dim } = stderr.style;
    if (options.json === true) await stdout.line(toJson({ runs, total, next: next ?? null }));
    else if (runs.length > 0) {
      for (const line of runLines(runs, {
        style: stdout.style,
        width: stdout.width,
        zone,
        nowMs: context.now(),
      }))
        await stdout.line(line);
      await stderr.line(dim(`${grouped(runs.length)} of ${grouped(total)}`));
      if (next !== undefined) await stderr.line(dim(`next: ${safe(commandLine(command, { before: next }))}`));
    } else {
      const { explainEmpty } = await import('../../empty.ts');
      await stderr.line(dim('no run matches'));
      for (const hint of await explainEmpty(opened.query, filter))
        await stderr.line(`${dim('hint:')}  ${hint}`);
    }
    await reportMalformed(context, opened, unfit);
  } finally {
    await opened.close();
  }
}

async function runOf(opened: OpenedQuery, { row, call: { first } }: AskedRow): Promise<ShownRun | undefined> {
  const { run } = row;
  if (run === undefined) return undefined;
  const { totals } = await opened.query.summary({ run }, [], 0);
  const end = await oneRow(opened, { run, types: ['run.end'] });
  return {
    run,
    index: row.index,
    started: row.ts,
    ended: end === undefined ? null : { index: end.index, ts: end.ts, status: end.status },
    took_ms: runTookMs(row.ts, end),
    agent: row.agent,
    user: row.user,
    purpose: textAt(first, 'reason'),
    totals,
  };
}

/** As far as its entries tell: imported ones, and runs whose start is not in this log (any more). */
async function startlessRun(opened: OpenedQuery, run: string, first: number): Promise<ShownRun | undefined> {
  const row = await opened.query.rowOf(first);
  if (row === undefined) return undefined;
  const { totals } = await opened.query.summary({ run }, [], 0);
  const end = await oneRow(opened, { run, types: ['run.end'] });
  return {
    run,
    index: first,
    started: row.ts,
    ended: end === undefined ? null : { index: end.index, ts: end.ts, status: end.status },
    took_ms: runTookMs(row.ts, end),
    agent: row.agent,
    user: row.user,
    purpose: undefined,
    totals,
  };
}

interface RunsText {
  readonly style: Style;
  readonly width: number | undefined;
  readonly zone: Zone;
  readonly nowMs: number;
}

export function runLines(runs: readonly ShownRun[], options: RunsText): readonly string[] {
  const { style, width, zone, nowMs } = options;
  const columns: readonly Column[] = [
    { header: 'RUN' },
    { header: `STARTED (${zoneName(nowMs, zone)})`, optional: 1 },
    { header: 'WHO', shrinkTo: 8, cut: 'middle', optional: 2 },
    { header: 'TOOK', align: 'right', optional: 5 },
    { header: 'ROWS', align: 'right', optional: 4 },
    { header: 'FAILED', align: 'right', optional: 6 },
    { header: 'STOPPED', align: 'right', optional: 6 },
    { header: 'ENDED' },
    { header: 'PURPOSE', shrinkTo: 10, weight: 2, optional: 7 },
  ];
  const rows = runs.map((run): readonly Cell[] => [
    { text: safe(run.run), paint: style.bold },
    {
      text: run.started === undefined ? '?' : safe(formatRecent(run.started, nowMs, zone)),
      paint: style.dim,
    },
    { text: safe(run.agent ?? run.user ?? '') },
    { text: run.took_ms === undefined ? '' : formatDuration(run.took_ms), paint: style.dim },
    { text: grouped(run.totals.total) },
    count(run.totals.failed, style),
    count(run.totals.stopped, style),
    endCell(run, style),
    { text: safe(run.purpose ?? ''), paint: style.dim },
  ]);
  const layout = layOut(columns, rows, width);
  if (width === undefined || width >= NARROW) return [layout.header(style.dim), ...rows.map(layout.row)];
  // Too narrow for a table: what is left out of the first line comes below it.
  return runs.flatMap((run) => {
    const { failed, stopped, total } = run.totals;
    const ended = endCell(run, style);
    const bad = [
      failed > 0 ? `${grouped(failed)} failed` : '',
      stopped > 0 ? `${grouped(stopped)} stopped` : '',
    ];
    const what = [
      `${grouped(total)} rows`,
      ...bad.filter((text) => text !== ''),
      (ended.paint ?? String)(ended.text),
    ];
    return [
      style.bold(safe(run.run)),
      `   ${run.started === undefined ? '?' : safe(formatRecent(run.started, nowMs, zone))}  ${safe(run.agent ?? run.user ?? '')}`,
      `   ${what.join(', ')}`,
    ];
  });
}

function count(n: number, style: Style): Cell {
  return n === 0 ? { text: '·', paint: style.dim } : { text: grouped(n), paint: style.red };
}

/** A run without a run.end goes on, or nobody said that it ended. */
function endCell({ ended }: ShownRun, style: Style): Cell {
  if (ended === null) return { text: 'no end', paint: style.yellow };
  const status = ended.status ?? '?';
  return { text: safe(status), paint: status === 'ok' ? style.green : style.red };
}
