/** The text of `tally log summary`. */
import { KINDS } from '../../../core/query/kind.ts';
import type { Summary, Tally } from '../../../core/query/port.ts';
import { type By, dimensionWord } from '../../dimensions.ts';
import { counted } from '../../facts.ts';
import { NARROW } from '../../output/narrow.ts';
import { grouped } from '../../output/progress.ts';
import { bar, sparkline, stepName, timeLine } from '../../output/spark.ts';
import type { Style } from '../../output/style.ts';
import { type TallyBlock, tallyLines } from '../../output/tallies.ts';
import { formatTime, type Zone, zoneName } from '../../output/time.ts';
import { textWidth } from '../../output/width.ts';

export interface SummaryText {
  readonly by: readonly By[];
  readonly top: number;
  /** What was asked for, in milliseconds. */
  readonly sinceMs: number | undefined;
  readonly untilMs: number | undefined;
  readonly nowMs: number;
  readonly zone: Zone;
  readonly style: Style;
  readonly width: number | undefined;
}

/** Without an edge a picture needs a size of its own. */
const UNLIMITED = 80;
const BAR = 24;
/** Less is no line. */
const LEAST_STEPS = 3;
const MINUTE = 16;
const DAY = 10;

export function summaryLines(summary: Summary, options: SummaryText): readonly string[] {
  const { style, width, zone } = options;
  const { totals, from, to } = summary;
  const span =
    from === undefined || to === undefined
      ? ''
      : `${minute(from, zone)} to ${minute(to, zone)} ${zoneName(options.nowMs, zone)}`;
  const title = counted(totals.total, 'call or event', 'calls and events');
  const fits = width === undefined || title.length + 2 + span.length <= width;
  return [
    ...(fits ? [`${style.bold(title)}  ${style.dim(span)}`] : [style.bold(title), style.dim(span)]),
    '',
    ...totalLines(totals, { style, width }),
    ...overTime(summary, options),
    ...tallyLines(blocksOf(summary, options), { style, width }),
  ];
}

const MEANS: Readonly<Partial<Record<keyof Tally, string>>> = {
  stopped: 'before they started',
  pending: 'open, or waiting for an approval',
  noted: 'no action, or end unknown',
};
const PAINTS = {
  succeeded: 'green',
  failed: 'red',
  stopped: 'red',
  pending: 'yellow',
  noted: 'dim',
  redacted: 'yellow',
} as const;

/** One line a kind; what a word means is said where there is room. */
export function totalLines(
  totals: Tally,
  { style, width }: { readonly style: Style; readonly width: number | undefined },
): readonly string[] {
  const digits = Math.max(...[...KINDS, 'redacted' as const].map((name) => grouped(totals[name]).length));
  const columns = width !== undefined && width < NARROW ? BAR / 2 : BAR;
  const percent = (n: number): string => {
    const share = (100 * n) / Math.max(1, totals.total);
    return `${(n > 0 && share < 1 ? '<1' : String(Math.round(share))).padStart(3)} %`;
  };
  const line = (name: keyof typeof PAINTS, told: string, drawn: string, means: string): string => {
    const number = grouped(totals[name]).padStart(digits);
    const gap = ' '.repeat(Math.max(0, columns - textWidth(drawn)));
    const used = `  ${name.padEnd(9)}  ${number}  ${told}  `.length + columns;
    const fits = width === undefined || used + 2 + means.length <= width;
    const rest = fits && means !== '' ? `${gap}  ${style.dim(means)}` : '';
    return `  ${name.padEnd(9)}  ${style[PAINTS[name]](number)}  ${told}  ${style[PAINTS[name]](drawn)}${rest}`.trimEnd();
  };
  const drawn = (n: number): string => bar(n / Math.max(1, totals.total), columns);
  return [
    ...KINDS.map((kind) =>
      line(kind, percent(totals[kind]), drawn(totals[kind]), totals[kind] > 0 ? (MEANS[kind] ?? '') : ''),
    ),
    line(
      'redacted',
      percent(totals.redacted),
      drawn(totals.redacted),
      totals.redacted > 0 ? 'of all: scrubbed' : '',
    ),
  ];
}

export function overTime(summary: Summary, options: Omit<SummaryText, 'by' | 'top'>): readonly string[] {
  const { style, zone, nowMs } = options;
  const times = summary.hours.map(({ hour }) => Date.parse(hour)).filter((ms) => !Number.isNaN(ms));
  const first = times.reduce((least, ms) => Math.min(least, ms), Number.POSITIVE_INFINITY);
  const last = times.reduce((most, ms) => Math.max(most, ms), Number.NEGATIVE_INFINITY);
  const fromMs = options.sinceMs ?? first;
  const toMs =
    options.untilMs === undefined ? (options.sinceMs === undefined ? last : nowMs) : options.untilMs - 1;
  const label = 'failed, stopped'.length;
  const room = (options.width ?? UNLIMITED) - label - 4;
  const line = timeLine(summary.hours, { fromMs, toMs: Math.max(toMs, last), most: room, zone });
  if (line === undefined || line.steps.length < LEAST_STEPS) return [];
  const totals = line.steps.map(({ tally }) => tally.total);
  const bad = line.steps.map(({ tally }) => tally.failed + tally.stopped);
  const most = Math.max(...totals);
  const peak = line.steps[totals.indexOf(most)]?.startMs ?? 0;
  const ends = [line.steps[0]?.startMs ?? 0, line.steps.at(-1)?.startMs ?? 0].map((ms) =>
    stepTime(ms, line.hours, zone),
  );
  const between = line.steps.length - (ends[0]?.length ?? 0) - (ends[1]?.length ?? 0);
  const on = line.hours % 24 === 0 ? 'on' : 'at';
  const row = (name: string, text: string): string => `  ${name.padEnd(label)}  ${text}`.trimEnd();
  return [
    '',
    row(`per ${stepName(line.hours)}`, style.cyan(sparkline(totals))),
    row('failed, stopped', style.red(sparkline(bad))),
    ...(between > 0
      ? [row('', style.dim(`${ends[0]}${' '.repeat(between)}${ends[1]}`))]
      : [style.dim(`  from ${ends[0]}`), style.dim(`  to   ${ends[1]}`)]),
    style.dim(
      `${' '.repeat(between > 0 ? label + 4 : 2)}most ${grouped(most)} ${on} ${stepTime(peak, line.hours, zone)}`,
    ),
  ];
}

/** `2026-11-20 14:00`, or the day alone when steps are days. */
function stepTime(ms: number, hours: number, zone: Zone): string {
  const text = formatTime(new Date(ms).toISOString(), zone);
  return text.slice(0, hours % 24 === 0 ? DAY : MINUTE);
}

function minute(ts: string, zone: Zone): string {
  return formatTime(ts, zone).slice(0, MINUTE);
}

export function blocksOf(
  summary: Summary,
  options: Pick<SummaryText, 'by' | 'top' | 'zone'>,
): readonly TallyBlock[] {
  return options.by.map((by) => {
    if (by === 'hour' || by === 'day') return timeBlock(summary, by, options);
    const counts = summary.by[by];
    const rows = (counts?.values ?? []).map(({ value, tally }) => ({ name: value, tally }));
    const hidden = (counts?.distinct ?? 0) - rows.length;
    const title = dimensionWord(by);
    return hidden > 0
      ? { title, rows, note: `… and ${grouped(hidden)} more (--top ${options.top + hidden})` }
      : { title, rows };
  });
}

/** The newest hours or days that have rows, oldest first. */
function timeBlock(
  { hours }: Summary,
  by: 'hour' | 'day',
  { top, zone }: Pick<SummaryText, 'top' | 'zone'>,
): TallyBlock {
  const placed = hours.filter(({ hour }) => !Number.isNaN(Date.parse(hour)));
  const ms = placed.map(({ hour }) => Date.parse(hour));
  const steps = placed.map(({ hour }) => stepTime(Date.parse(hour), by === 'hour' ? 1 : 24, zone));
  const rows = [...Map.groupBy(placed.keys(), (at) => steps[at] ?? '')].map(([name, at]) => ({
    name,
    tally: at.flatMap((place) => placed[place]?.tally ?? []).reduce(sum),
    ms: ms[at[0] ?? 0] ?? 0,
  }));
  const hidden = rows.length - top;
  const shown = rows.toSorted((a, b) => a.ms - b.ms).slice(-top);
  return hidden > 0
    ? { title: by, rows: shown, note: `… and ${grouped(hidden)} earlier (--top ${rows.length})` }
    : { title: by, rows: shown };
}

function sum(a: Tally, b: Tally): Tally {
  const names = Object.keys(a) as (keyof Tally)[];
  return Object.fromEntries(names.map((name) => [name, a[name] + b[name]])) as Record<keyof Tally, number>;
}
