/** Numbers as small pictures: bars, and a line of them over time. */
import type { Tally } from '../../core/query/port.ts';
import { addTally, emptyTally } from '../../core/query/sums.ts';
import { offsetMs, type Zone } from './time.ts';

const LEVELS = '▁▂▃▄▅▆▇█';
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/** One character a number, against the largest; nothing at all is a space, and whatever there is shows. */
export function sparkline(values: readonly number[], most = Math.max(0, ...values)): string {
  return values
    .map((value) => {
      if (value <= 0 || most <= 0) return ' ';
      return LEVELS[Math.max(0, Math.min(LEVELS.length, Math.ceil((value / most) * LEVELS.length)) - 1)];
    })
    .join('');
}

/** `share` of `width` columns, in eighths of one; whatever there is shows. */
export function bar(share: number, width: number): string {
  const eighths = Math.round(Math.min(1, Math.max(0, share)) * width * 8);
  const drawn = share > 0 ? Math.max(1, eighths) : 0;
  return '█'.repeat(Math.floor(drawn / 8)) + (EIGHTHS[drawn % 8] ?? '');
}

const HOUR_MS = 3_600_000;
/** Hours that one step of a line may stand for. */
const STEPS = [1, 2, 3, 6, 12, 24, 48, 168, 672, 2_016, 8_760, 87_600] as const;

export interface TimeLine {
  /** Hours that each step stands for. */
  readonly hours: number;
  readonly steps: readonly { readonly startMs: number; readonly tally: Tally }[];
}

/**
 * Hours as equal steps from `fromMs` to `toMs`, in the finest grain of at most `most` steps; empty steps are there. Days
 * begin at midnight of `zone`, also where its offset changes. undefined when the span is none.
 */
export function timeLine(
  hours: readonly { readonly hour: string; readonly tally: Tally }[],
  { fromMs, toMs, most, zone }: { fromMs: number; toMs: number; most: number; zone: Zone },
): TimeLine | undefined {
  if (!(fromMs <= toMs) || most < 1) return undefined;
  const placeOf = (ms: number, step: number): number =>
    Math.floor((ms + offsetMs(ms, zone)) / (step * HOUR_MS));
  const count = (step: number): number => placeOf(toMs, step) - placeOf(fromMs, step) + 1;
  const step = STEPS.find((hoursEach) => count(hoursEach) <= most);
  if (step === undefined) return undefined;
  const first = placeOf(fromMs, step);
  const sums = Array.from({ length: count(step) }, () => emptyTally());
  for (const { hour, tally } of hours) {
    const ms = Date.parse(hour);
    const sum = Number.isNaN(ms) ? undefined : sums[placeOf(Math.max(ms, fromMs), step) - first];
    if (sum !== undefined) addTally(sum, tally);
  }
  const steps = sums.map((tally, at) => {
    const local = (first + at) * step * HOUR_MS;
    return { startMs: local - offsetMs(local - offsetMs(local, zone), zone), tally };
  });
  return { hours: step, steps };
}

/** `hour`, `3 hours`, `day`, `4 weeks`. */
export function stepName(hours: number): string {
  const [size, unit] = hours % 168 === 0 ? [168, 'week'] : hours % 24 === 0 ? [24, 'day'] : [1, 'hour'];
  const n = hours / size;
  return n === 1 ? unit : `${n} ${unit}s`;
}
