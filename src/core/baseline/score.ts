/** From chances to scores: 0.5 is worth a look, 0.9 an alarm. Three decimals, so that no last bit of a logarithm shows. */
import { ALARM, LOOK } from './deviation.ts';
import { PARAMS } from './params.ts';

/** Straight lines through (0, 0), (look, 0.5) and (alarm, 0.9) over -log10 of the chance, then slowly towards 1. */
function scoreBetween(chance: number, look: number, alarm: number): number {
  if (!(chance < 1)) return 0;
  const x = chance <= 0 ? Number.POSITIVE_INFINITY : -Math.log10(chance);
  const atLook = -Math.log10(look);
  const atAlarm = -Math.log10(alarm);
  let score: number;
  if (x < atLook) score = (LOOK * x) / atLook;
  else if (x < atAlarm) score = LOOK + ((ALARM - LOOK) * (x - atLook)) / (atAlarm - atLook);
  else score = 1 - ((1 - ALARM) * atAlarm) / x;
  return rounded(score);
}

export function rounded(score: number): number {
  return Math.round(score * 1000) / 1000;
}

/** `chance` of it in one present, of which `tests` are made: Bonferroni. */
export function scoreOfChance(chance: number, tests: number): number {
  return scoreBetween(chance * Math.max(1, tests), PARAMS.lookChance, PARAMS.alarmChance);
}

/**
 * Good–Turing with one added: of so many runs (or days), this share shows something that no other one did. `once`: values
 * that were seen in one of them only.
 */
export function scoreOfNew(once: number, of: number): number {
  return scoreBetween((once + 1) / (of + 1), PARAMS.lookNew, PARAMS.alarmNew);
}
