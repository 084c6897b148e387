/** The text of `tally log history`. */
import { factsOf } from '../../../core/query/call.ts';
import type { Dimension } from '../../../core/query/port.ts';
import { STATE_PAINTS, STATE_WORDS } from '../../approval-words.ts';
import type { AskedRow } from '../../asking.ts';
import { dimensionWord } from '../../dimensions.ts';
import { counted } from '../../facts.ts';
import { NARROW, narrowRow } from '../../output/narrow.ts';
import { grouped } from '../../output/progress.ts';
import { rowCells, rowColumns } from '../../output/rows.ts';
import { safe } from '../../output/safe.ts';
import type { Style } from '../../output/style.ts';
import { layOut } from '../../output/table.ts';
import { type TallyBlock, tallyLines } from '../../output/tallies.ts';
import { formatRecent, formatTime, type Zone, zoneName } from '../../output/time.ts';
import { fit, wrap } from '../../output/width.ts';
import { type AskedApproval, type History, type Newest, SEEN, type SeenValue } from './history-read.ts';
import { overTime, totalLines } from './summary-text.ts';

export interface HistoryText {
  readonly style: Style;
  readonly width: number | undefined;
  readonly zone: Zone;
  readonly nowMs: number;
  readonly top: number;
  readonly sinceMs: number | undefined;
  readonly untilMs: number | undefined;
}

/** Of `2026-11-20 14:00:00.000`. */
const SECONDS = 19;
/** Less of what was asked tells nothing. */
const LEAST = 12;

export function historyLines(history: History, options: HistoryText): readonly string[] {
  const { principal, summary, doneFor } = history;
  const { style, zone, nowMs } = options;
  const time = (ts: string | undefined): string =>
    ts === undefined ? '?' : safe(formatTime(ts, zone).slice(0, SECONDS));
  const inZone = ` ${zoneName(nowMs, zone)}`;
  return [
    `${style.bold(`${principal.kind} ${safe(principal.name)}`)}  ${counted(summary.totals.total, 'call or event', 'calls and events')}`,
    `  ${style.dim('first seen')}  ${time(history.firstSeen)}${inZone}`,
    `  ${style.dim('last seen ')}  ${time(history.lastSeen)}${inZone}`,
    ...(doneFor === 0
      ? []
      : [
          `  ${style.dim('done for  ')}  ${counted(doneFor, 'call or event', 'calls and events')} on behalf of ${safe(principal.name)}`,
        ]),
    '',
    ...totalLines(summary.totals, options),
    ...overTime(summary, options),
    ...tallyLines(blocksOf(history, options), {
      style,
      width: options.width,
      extra: [
        { header: 'FIRST SEEN', optional: 2 },
        { header: 'LAST SEEN', optional: 8 },
      ],
    }),
    ...approvalLines(history.approvals, options),
    ...listLines('answered', history.answered, options),
    ...listLines('stopped', history.stops, options),
  ];
}

function blocksOf(history: History, options: HistoryText): readonly TallyBlock[] {
  const { zone, nowMs, top } = options;
  const recent = (ts: string | undefined): string =>
    ts === undefined ? '?' : safe(formatRecent(ts, nowMs, zone));
  const row = ({ value, tally, first_seen, last_seen }: SeenValue) => ({
    name: value,
    tally,
    extra: [recent(first_seen), recent(last_seen)],
  });
  const note = (hidden: number): object =>
    hidden > 0 ? { note: `… and ${grouped(hidden)} more (--top ${top + hidden})` } : {};
  const runs = history.runs.values.map((run) => ({
    ...row(run),
    name: run.value,
    extra: [safe(run.ended ?? 'no end'), recent(run.first_seen)],
  }));
  const block = (dimension: Dimension): TallyBlock => {
    const { distinct = 0, values = [] } = history.seen.get(dimension) ?? {};
    return { title: dimensionWord(dimension), rows: values.map(row), ...note(distinct - values.length) };
  };
  return [
    ...SEEN[history.principal.kind].map(block),
    {
      title: `${history.runs.order} runs`,
      rows: runs,
      headers: ['ENDED', 'FIRST SEEN'],
      ...note(history.runs.distinct - history.runs.values.length),
    },
  ];
}

function approvalLines({ total, some }: Newest<AskedApproval>, options: HistoryText): readonly string[] {
  const { style, zone, nowMs, width } = options;
  if (total === 0) return [];
  const lines = some.flatMap(({ row, chain, answer }) => {
    const facts = factsOf(row.call);
    const state = chain?.state ?? 'unanswered';
    const paint = STATE_PAINTS[state];
    const by = answer?.by === undefined ? '' : ` by ${safe(answer.by)}`;
    const at = answer?.ts === undefined ? '' : ` at ${safe(formatRecent(answer.ts, nowMs, zone))}`;
    const answered = STATE_WORDS[state];
    const told = `${style[paint](answered)}${by}${at}${state === 'resumed' ? ', and the call went on' : ''}`;
    const asked = `${facts.method ?? facts.type} ${facts.subject}`;
    const index = String(row.row.index);
    const when = safe(formatRecent(facts.ts ?? '?', nowMs, zone));
    const room = width === undefined ? undefined : width - index.length - when.length - 6;
    const what = room === undefined ? safe(asked) : fit(safe(asked), Math.max(LEAST, room), 'middle');
    const indent = ' '.repeat(index.length + 4);
    return [
      `  ${style.dim(index)}  ${style.dim(when)}  ${what}`,
      ...wrap(told, width === undefined ? undefined : width - indent.length).map((part) => indent + part),
    ];
  });
  return ['', heading('approvals asked for', total, some.length, options), ...lines];
}

function listLines(
  title: string,
  { total, some }: Newest<AskedRow>,
  options: HistoryText,
): readonly string[] {
  const { style, zone, nowMs, width } = options;
  if (total === 0) return [];
  const facts = some.map(({ call }) => factsOf(call));
  const rowOptions = { style, zone, nowMs, raw: false };
  const head = ['', heading(title, total, some.length, options)];
  if (width !== undefined && width < NARROW)
    return [...head, ...facts.flatMap((each) => narrowRow(each, rowOptions, width))];
  const rows = facts.map((each) => rowCells(each, rowOptions));
  const layout = layOut(rowColumns(false), rows, width);
  return [...head, ...rows.map(layout.row)];
}

function heading(title: string, total: number, shown: number, { style }: HistoryText): string {
  const part =
    shown < total
      ? style.dim(`  newest ${grouped(shown)} of ${grouped(total)}`)
      : style.dim(`  ${grouped(total)}`);
  return `${style.bold(title.toUpperCase())}${part}`;
}
