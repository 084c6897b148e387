/**
 * Time that windows and budgets run by. Clocks are set: what was counted before would be in the future, and lock a
 * window for as long as the clock went back, or be over at once. Here time goes on from where it was: the steps that the
 * recorder saw (`clock.step`) are taken out, and one that nobody saw, because the clock was set while nothing ran, ends
 * where it began. A machine that slept looks like one whose clock was set forwards: a window then lasts longer by that,
 * never shorter.
 */
import { LIMITS } from '../limits.ts';

export interface FoldedTime {
  /** Added to the clock. */
  shift: number;
  /** The latest time so far: it does not go back. */
  floor: number;
}

export const startOfTime = (): FoldedTime => ({ shift: 0, floor: 0 });

/** What the clock `ms` means now. */
export function timeAt(time: FoldedTime, ms: number): number {
  return Math.max(time.floor, ms + time.shift);
}

export function passTime(time: FoldedTime, ms: number): number {
  const behind = time.floor - (ms + time.shift);
  // Small corrections only hold time up: if each moved it on, a clock that trembles would run.
  if (behind > LIMITS.clockStepMs) time.shift += behind;
  time.floor = timeAt(time, ms);
  return time.floor;
}

/** The clock was set by `stepMs` while it was watched. */
export function stepTime(time: FoldedTime, stepMs: number): void {
  if (Number.isFinite(stepMs)) time.shift -= stepMs;
}
