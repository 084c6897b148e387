/** The text of `tally log summary`. */
import { KINDS } from '../../../core/query/kind.ts';
import type { Summary, Tally } from '../../../core/query/port.ts';
import { type By, dimensionWord } from '../../dimensions.ts';
import { counted } from '../../facts.ts';
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
      : `  ${style.dim(`${minute(from, zone)} to ${minute(to, zone)} ${zoneName(options.nowMs, zone)}`)}`;
  return [
    `${style.bold(counted(totals.total, 'call or event', 'calls and events'))}${span}`,
    '',
    ...totalLines(totals, style),
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

export function totalLines(totals: Tally, style: Style): readonly string[] {
  const digits = Math.max(
    ...KINDS.map((kind) => grouped(totals[kind]).length),
    grouped(totals.redacted).length,
  );
  const percent = (n: number): string => {
    const share = (100 * n) / Math.max(1, totals.total);
    return `${(n > 0 && share < 1 ? '<1' : String(Math.round(share))).padStart(3)} %`;
  };
  const line = (name: keyof typeof PAINTS, rest: string): string =>
    `  ${name.padEnd(9)}  ${style[PAINTS[name]](grouped(totals[name]).padStart(digits))}  ${rest}`.trimEnd();
  return [
    ...KINDS.map((kind) => {
      const drawn = bar(totals[kind] / Math.max(1, totals.total), BAR);
      const means = totals[kind] > 0 ? MEANS[kind] : undefined;
      const gap = ' '.repeat(BAR - textWidth(drawn));
      return line(
        kind,
        `${percent(totals[kind])}  ${style[PAINTS[kind]](drawn)}${means === undefined ? '' : `${gap}  ${style.dim(means)}`}`,
      );
    }),
    line('redacted', style.dim(totals.redacted === 0 ? '' : 'of all: something was taken out of the answer')),
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
  const gap = ' '.repeat(Math.max(1, line.steps.length - (ends[0]?.length ?? 0) - (ends[1]?.length ?? 0)));
  const row = (name: string, text: string): string => `  ${name.padEnd(label)}  ${text}`.trimEnd();
  return [
    '',
    row(`per ${stepName(line.hours)}`, style.cyan(sparkline(totals))),
    row('failed, stopped', style.red(sparkline(bad))),
    row('', style.dim(`${ends[0]}${gap}${ends[1]}`)),
    row('', style.dim(`most ${grouped(most)} at ${stepTime(peak, line.hours, zone)}`)),
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
