/** The text of `tally log run`: a tree on the left, a time axis on the right. */
import type { Tally } from '../../../core/query/port.ts';
import { counted } from '../../facts.ts';
import { NARROW } from '../../output/narrow.ts';
import { grouped } from '../../output/progress.ts';
import { rowCells, rowColumns } from '../../output/rows.ts';
import { safe } from '../../output/safe.ts';
import { plainText, type Style } from '../../output/style.ts';
import { type Cell, type Column, layOut } from '../../output/table.ts';
import { formatDuration, formatTime, type Zone, zoneName } from '../../output/time.ts';
import { fit, wrap } from '../../output/width.ts';
import { DEEPEST, type Flaw, type Step, type TreeLine, tookMs } from './run-tree.ts';

export interface RunHead {
  readonly run: string;
  readonly agent: string | undefined;
  /** What was checked of who acted: the most frequent level of its steps. */
  readonly identity: string | undefined;
  /** All levels of its steps, the most frequent first. */
  readonly identities: readonly string[];
  readonly user: string | undefined;
  readonly purpose: string | undefined;
  readonly command: string | undefined;
  /** Of run.start; undefined when it is not in the log. */
  readonly start: { readonly index: number; readonly ts: string | undefined } | undefined;
  readonly end:
    | { readonly index: number; readonly ts: string | undefined; readonly status: string | undefined }
    | undefined;
  readonly took_ms: number | undefined;
  /** Of all rows of the run. */
  readonly totals: Tally;
  /** Times of its oldest and its newest row. */
  readonly from: string | undefined;
  readonly to: string | undefined;
}

export interface RunText {
  readonly style: Style;
  readonly width: number | undefined;
  readonly zone: Zone;
  readonly nowMs: number;
}

const WIDE = 120;
const AXIS_WIDE = 44;
const AXIS = 16;

const LABEL = 8;
const LEAST_ROOM = 24;

export function headLines(head: RunHead, { style, zone, width }: RunText): readonly string[] {
  const { start, end, totals } = head;
  const shownTime = (ts: string | undefined): string =>
    ts === undefined
      ? '?'
      : `${safe(formatTime(ts, zone))} ${style.dim(zoneName(Date.parse(ts) || 0, zone))}`;
  const who = head.agent ?? head.user;
  const levels = head.identities.length > 1 ? head.identities.join(', ') : head.identity;
  const level = levels === undefined ? '' : ` (${safe(levels)})`;
  const took = head.took_ms === undefined ? '' : `  ${formatDuration(head.took_ms)}`;
  const kinds = [
    [totals.succeeded, 'succeeded'],
    [totals.failed, 'failed'],
    [totals.stopped, 'stopped'],
    [totals.pending, 'pending'],
    [totals.noted, 'noted'],
  ] as const;
  const came = kinds.filter(([n]) => n > 0).map(([n, word]) => `${grouped(n)} ${word}`);
  const facts: readonly (readonly [string, string | undefined])[] = [
    ['purpose', head.purpose === undefined ? undefined : safe(head.purpose)],
    ['command', head.command === undefined ? undefined : safe(head.command)],
    [
      'started',
      start === undefined
        ? `${style.yellow('no run.start in the log')}; first seen ${shownTime(head.from)}`
        : shownTime(start.ts),
    ],
    [
      'ended',
      end === undefined
        ? `${style.yellow('no run.end in the log')}; last seen ${shownTime(head.to)}`
        : `${shownTime(end.ts)}${took}${end.status === undefined ? '' : `  ${statusPaint(end.status, style)(safe(end.status))}`}`,
    ],
    [
      'rows',
      `${grouped(totals.total)}: ${came.join(', ')}${totals.redacted > 0 ? `; ${grouped(totals.redacted)} scrubbed` : ''}`,
    ],
  ];
  const room = width === undefined ? undefined : Math.max(LEAST_ROOM, width - LABEL - 4);
  return [
    ...wrap(
      `${style.bold(`run ${safe(head.run)}`)}${who === undefined ? '' : `  ${safe(who)}${level}`}`,
      width,
    ),
    ...facts.flatMap(([label, text]) =>
      wrap(text ?? '', room).flatMap((part, at) =>
        text === undefined ? [] : [`  ${style.dim((at === 0 ? label : '').padEnd(LABEL))}  ${part}`],
      ),
    ),
  ];
}

function statusPaint(status: string, style: Style): (text: string) => string {
  return status === 'ok' ? style.green : style.red;
}

/** What is shown where: below `WIDE` the picture of time is worth more than the times. */
const MEDIUM_COLUMNS: ReadonlySet<string> = new Set(['#', 'STEP', 'STATUS', 'TOOK', 'AXIS']);
const NARROW_COLUMNS: ReadonlySet<string> = new Set(['#', 'STEP', 'STATUS']);

/** Every line of the tree in one table, and below it what no column had room for. */
export function treeLines(
  lines: readonly TreeLine[],
  head: Pick<RunHead, 'agent' | 'user' | 'start' | 'end'>,
  options: RunText,
): readonly string[] {
  const { style, width } = options;
  const axis = axisOf(lines, head, width);
  const all: readonly (Column & { readonly name?: string })[] = [
    { header: '#', align: 'right' },
    { header: 'STEP', shrinkTo: 22, weight: 2, cut: 'middle' },
    { header: 'AT', align: 'right', optional: 3 },
    { header: 'DECISION', shrinkTo: 24, optional: 4 },
    { header: 'STATUS' },
    { header: 'TOOK', align: 'right', optional: 2 },
    { name: 'AXIS', header: axis === undefined ? '' : axis.label, optional: 1 },
  ];
  const names =
    width === undefined || width >= WIDE ? undefined : width < NARROW ? NARROW_COLUMNS : MEDIUM_COLUMNS;
  const kept = [...all.keys()].filter((at) => names?.has(all[at]?.name ?? all[at]?.header ?? '') ?? true);
  const columns = kept.flatMap((at) => all[at] ?? []);
  const rows = lines.map((line) => {
    const cells = cellsOf(line, head, axis, options);
    return kept.map((at) => cells[at] ?? { text: '' });
  });
  const layout = layOut(columns, rows, width);
  const hasDecisions = layout.shown.some(({ at }) => columns[at]?.header === 'DECISION');
  return [
    layout.header(style.dim),
    ...rows.map(layout.row),
    ...(hasDecisions ? [] : decisionLines(lines, options)),
  ];
}

/** Decisions other than to allow. */
function decisionLines(
  lines: readonly TreeLine[],
  { style, width, zone, nowMs }: RunText,
): readonly string[] {
  const decided = lines.flatMap(({ item }) => {
    if (item.kind === 'agent' || (item.step.facts.decision ?? 'allow') === 'allow') return [];
    const cells = rowCells(item.step.facts, { style, zone, nowMs, raw: false });
    const { text = '', paint = plainText } = cells[rowColumns(false).findIndex(isDecision)] ?? {};
    const shown = width === undefined ? text : fit(text, width - 4 - String(item.step.index).length);
    return [`  ${item.step.index}  ${paint(shown)}`];
  });
  return decided.length === 0 ? [] : ['', style.bold('decisions'), ...decided];
}

function isDecision({ header }: Column): boolean {
  return header === 'DECISION';
}

interface Axis {
  readonly fromMs: number;
  readonly spanMs: number;
  readonly columns: number;
  readonly label: string;
}

/** undefined when there is no room for one, or no time to show. */
function axisOf(
  lines: readonly TreeLine[],
  { start, end }: Pick<RunHead, 'start' | 'end'>,
  width: number | undefined,
): Axis | undefined {
  const times = lines.flatMap(({ item }) =>
    item.kind === 'step' ? [item.step.startMs, item.step.endMs] : [],
  );
  const all = [...times, Date.parse(start?.ts ?? ''), Date.parse(end?.ts ?? '')].filter(
    (ms): ms is number => ms !== undefined && !Number.isNaN(ms),
  );
  if (all.length === 0 || (width !== undefined && width < NARROW)) return undefined;
  const fromMs = all.reduce((least, ms) => Math.min(least, ms), Number.POSITIVE_INFINITY);
  const toMs = all.reduce((most, ms) => Math.max(most, ms), Number.NEGATIVE_INFINITY);
  const columns = width === undefined || width >= WIDE ? AXIS_WIDE : AXIS;
  const spanned = Math.max(1, toMs - fromMs);
  const left = '0';
  const right = formatDuration(spanned);
  const label = `${left}${' '.repeat(Math.max(1, columns - left.length - right.length))}${right}`;
  return { fromMs, spanMs: spanned, columns, label };
}

function cellsOf(
  { item, depth, last }: TreeLine,
  head: Pick<RunHead, 'agent' | 'user'>,
  axis: Axis | undefined,
  { style, zone, nowMs }: RunText,
): readonly Cell[] {
  const branch = branchText(depth, last);
  if (item.kind === 'agent') {
    const by = item.chain.at(-1);
    const text = `${branch}${safe(item.agent)}${by === undefined ? '' : `, for ${safe(by)}`}`;
    return [{ text: '' }, { text, paint: style.bold }];
  }
  const { step, flaws } = item;
  const { facts } = step;
  const names = rowColumns(false).map(({ header }) => header);
  const cells = rowCells(facts, { style, zone, nowMs, raw: false });
  const cell = (header: string): Cell => cells[names.indexOf(header)] ?? { text: '' };
  const who = facts.agent ?? (facts.user === head.user ? undefined : facts.user);
  const other = who === undefined || who === head.agent || step.chain.length > 0 ? '' : `${safe(who)}: `;
  const took = tookMs(step);
  const decision = cell('DECISION');
  return [
    { text: String(step.index), paint: style.dim },
    { text: `${branch}${other}${cell('WHAT').text}` },
    {
      text:
        axis === undefined || step.startMs === undefined
          ? ''
          : `+${formatDuration(step.startMs - axis.fromMs)}`,
      paint: style.dim,
    },
    // What was allowed goes without saying.
    decision.text === 'allow' ? { text: '' } : decision,
    flaws.includes('parent_missing') || flaws.includes('no_beginning')
      ? { text: `${cell('STATUS').text} ?`.trimStart(), paint: style.yellow }
      : cell('STATUS'),
    { text: took === undefined ? '' : formatDuration(took), paint: style.dim },
    axis === undefined ? { text: '' } : { text: barText(step, axis), paint: barPaint(step, style) },
  ];
}

/** `│  ├─ `: levels beyond the deepest are told by a number. */
export function branchText(depth: number, last: readonly boolean[]): string {
  const above = last.slice(0, -1).slice(-DEEPEST);
  const hidden = depth - above.length;
  const own = last.at(-1) === true ? '└─ ' : '├─ ';
  return `${hidden > 0 ? `…${hidden} ` : ''}${above.map((end) => (end ? '   ' : '│  ')).join('')}${own}`;
}

/** Where on the axis it ran; what is open goes on to its end. */
export function barText(
  { startMs, endMs, facts, end }: Pick<Step, 'startMs' | 'endMs' | 'facts' | 'end'>,
  { fromMs, spanMs: span, columns }: Pick<Axis, 'fromMs' | 'spanMs' | 'columns'>,
): string {
  if (startMs === undefined) return '';
  const place = (ms: number): number =>
    Math.min(columns - 1, Math.max(0, Math.floor(((ms - fromMs) / span) * columns)));
  const from = place(startMs);
  if (facts.phase === 'pre_exec' && end === undefined) return ' '.repeat(from) + '░'.repeat(columns - from);
  if (end === undefined) return `${' '.repeat(from)}•`;
  const to = Math.max(from, place(endMs ?? startMs));
  return ' '.repeat(from) + '█'.repeat(to - from + 1);
}

function barPaint({ facts }: Step, style: Style): (text: string) => string {
  const { status } = facts;
  if (status === 'ok') return (facts.statusCode ?? 0) >= 400 ? style.yellow : style.green;
  if (status === undefined) return style.dim;
  return status === 'pending' || status === 'unknown' ? style.yellow : style.red;
}

/** Of a reason that a program may have written. */
const WHY_CHARS = 160;

const FLAW_TEXTS: Readonly<Record<Flaw, string>> = {
  open: 'no post_exec in the log: it runs, or nobody saw how it ended',
  end_unknown: 'nobody saw how it ended',
  no_beginning: 'an end whose pre_exec is not in this log',
  parent_missing: 'its parent is not in this log',
};

/** The end itself tells which was gone, its program or its recorder. */
function flawText({ unseen }: Step, flaw: Flaw): string {
  const why = flaw === 'end_unknown' && unseen !== undefined ? `: ${safe(unseen.slice(0, WHY_CHARS))}` : '';
  return `${FLAW_TEXTS[flaw]}${why}`;
}

/** What is open or missing, one line each; at most `most`, and how many more. */
export function flawLines(
  lines: readonly TreeLine[],
  { style }: Pick<RunText, 'style'>,
  most: number,
): readonly string[] {
  const found = lines.flatMap(({ item }) =>
    item.kind === 'step' ? item.flaws.map((flaw) => [item.step, flaw] as const) : [],
  );
  if (found.length === 0) return [];
  const more = found.length - most;
  return [
    '',
    style.yellow(counted(found.length, 'step is open or not whole', 'steps are open or not whole')),
    ...found.slice(0, most).map(([step, flaw]) => `  ${step.index}  ${flawText(step, flaw)}`),
    ...(more > 0 ? [style.dim(`  … and ${grouped(more)} more (--json names them)`)] : []),
  ];
}
