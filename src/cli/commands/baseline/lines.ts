/** Usual against now, for people: what differs first, then the measures, then habits. */
import type { Deviation } from '../../../core/baseline/deviation.ts';
import { dayNumber } from '../../../core/baseline/moment.ts';
import { counted } from '../../facts.ts';
import { safe } from '../../output/safe.ts';
import { bar } from '../../output/spark.ts';
import { pad } from '../../output/width.ts';
import { hanging, moment, type Out } from './block.ts';
import { type Found, isWorthALook } from './gather.ts';
import { hostLines, hourLines, limitLines, valueLines } from './habits.ts';
import { levelOf } from './json.ts';
import { measureLines } from './measures.ts';

export function agentLines(found: Found, out: Out, top: number): string[] {
  const { view } = found;
  const blocks = [
    headLines(found, out),
    deviationLines(found, out),
    measureLines(found, out),
    ...(view.calls === 0 ? [] : [hourLines(found, out)]),
    hostLines(view, out, top),
    valueLines(view, out, top),
    limitLines(view, out),
  ].filter((lines) => lines.length > 0);
  return blocks.flatMap((lines, i) => (i === 0 ? lines : ['', ...lines]));
}

function headLines({ agent, view, now, present }: Found, { style, width }: Out): string[] {
  const { model } = view;
  const days = dayNumber(model.until.slice(0, 10)) - dayNumber(model.since.slice(0, 10)) + 1;
  const usual = `${model.since.slice(0, 10)} to ${moment(model.until)} UTC: ${counted(view.calls, 'call')} in ${counted(view.runs, 'run')} on ${view.activeDays} of ${counted(days, 'day')}`;
  const what = now.run === undefined ? `since ${moment(now.since)} UTC` : `run ${safe(now.run)}`;
  const present_ = `${what}: ${counted(present.calls, 'call')} in ${counted(present.activeRuns.size, 'run')}`;
  return [
    style.bold(safe(agent)),
    ...hanging('usual  ', usual, width, style.dim),
    ...hanging('now    ', present_, width, style.dim),
  ];
}

const SCORE_BAR = 5;

function deviationLines({ view, deviations, present }: Found, { style, width }: Out): string[] {
  const { learning } = view;
  if (learning !== undefined)
    return hanging(
      '',
      `learning: ${learning.runs} of ${counted(learning.needed, 'run')}; nothing is scored yet`,
      width,
      style.yellow,
    );
  const told = deviations.filter(isWorthALook);
  const quiet = deviations.length - told.length;
  if (told.length === 0) {
    const most = deviations[0];
    const nearest = most === undefined ? '' : ` (most: ${most.score.toFixed(2)}, ${safe(most.words)})`;
    return hanging('', present.rows === 0 ? 'nothing now' : `as usual${nearest}`, width);
  }
  const lines = told.flatMap((each) => deviation(each, { style, width }));
  if (quiet > 0) lines.push(style.dim(`and ${counted(quiet, 'smaller difference')} (--json)`));
  return lines;
}

/** The first is enough where the others would take a line. */
const EVIDENCE_SHOWN = 3;
const WIDE = 100;
/** Below this the words get lines of their own. */
const NARROW = 64;

function deviation({ score, words, evidence }: Deviation, { style, width }: Out): string[] {
  const level = levelOf(score);
  const paint = level === 'alarm' ? style.red : style.yellow;
  const label = `${score.toFixed(2)} ${pad(bar(score, SCORE_BAR), SCORE_BAR)} ${pad(level, 5)}  `;
  const shown = evidence
    .slice(0, width === undefined || width >= WIDE ? EVIDENCE_SHOWN : 1)
    .map((index) => `#${index}`);
  const entries = shown.join(' ') + (evidence.length > shown.length ? ' …' : '');
  const text = `${safe(words)}  ${entries}`;
  if (width === undefined || width >= NARROW) return hanging(label, text, width, paint);
  return [paint(label.trimEnd()), ...hanging('  ', text, width)];
}
