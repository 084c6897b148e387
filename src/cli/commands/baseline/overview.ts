/** Every agent in one line, the most unusual first. */
import { ALARM, type Deviation } from '../../../core/baseline/deviation.ts';
import { windowBefore } from '../../../core/baseline/moment.ts';
import { LIMITS } from '../../../core/limits.ts';
import { counted } from '../../facts.ts';
import { safe } from '../../output/safe.ts';
import type { Output } from '../../output/stream.ts';
import { type Cell, layOut } from '../../output/table.ts';
import { fit } from '../../output/width.ts';
import { type Found, gather, isWorthALook, type Question } from './gather.ts';

export interface Overview {
  readonly found: readonly Found[];
  /** Agents beyond those that are looked at. */
  readonly more: number;
  readonly windowDays: number;
}

/** With `--now RUN`: those that have it. */
export async function overview(question: Question): Promise<Overview> {
  const { opened, windowDays, now, atMs } = question;
  const filter =
    'run' in now
      ? { run: now.run }
      : {
          since: windowBefore(atMs - now.spanMs, windowDays).since,
          until: new Date(atMs).toISOString(),
        };
  const { by } = await opened.query.summary(filter, ['agent'], LIMITS.baselineAgents);
  const agents = by.agent?.values.map(({ value }) => value) ?? [];
  const found: Found[] = [];
  for (const agent of agents) found.push(await gather(question, agent));
  found.sort((a, b) => (highest(b)?.score ?? -1) - (highest(a)?.score ?? -1) || (a.agent < b.agent ? -1 : 1));
  return { found, more: (by.agent?.distinct ?? 0) - agents.length, windowDays };
}

export function highest({ deviations }: Found): Deviation | undefined {
  return deviations[0];
}

/** Below this the words get a line of their own. */
const NARROW = 64;

export function overviewLines({ found, more, windowDays }: Overview, out: Output): string[] {
  const { style, width } = out;
  if (found.length === 0)
    return [`no entry of an agent in ${counted(windowDays, 'day')} (--window, --now, --at)`];
  const words = found.map(summaryOf);
  const narrow = width !== undefined && width < NARROW;
  const rows = found.map((each, i): readonly Cell[] => {
    const top = highest(each);
    const score = each.view.learning === undefined ? (top?.score ?? 0).toFixed(2) : '-';
    const alarm = (top?.score ?? 0) >= ALARM;
    const paint = alarm ? style.red : top !== undefined && isWorthALook(top) ? style.yellow : style.dim;
    return [
      { text: safe(each.agent), paint: style.bold },
      { text: score, paint },
      { text: String(each.view.runs) },
      { text: String(each.view.activeDays) },
      ...(narrow ? [] : [{ text: safe(words[i] ?? '') }]),
    ];
  });
  const layout = layOut(
    [
      { header: 'AGENT', shrinkTo: 12, cut: 'middle' },
      { header: 'SCORE', align: 'right' },
      { header: 'RUNS', align: 'right' },
      { header: 'DAYS', align: 'right', optional: 1 },
      ...(narrow ? [] : [{ header: 'MOST UNUSUAL NOW', shrinkTo: 30, weight: 4 }]),
    ],
    rows,
    width,
  );
  const lines = [layout.header(style.dim)];
  for (const [i, row] of rows.entries()) {
    lines.push(layout.row(row));
    if (narrow) lines.push(`  ${fit(safe(words[i] ?? ''), (width ?? 80) - 2)}`);
  }
  if (more > 0)
    lines.push(style.dim(`and ${counted(more, 'agent')} with fewer entries: tally baseline AGENT`));
  return lines;
}

function summaryOf(found: Found): string {
  const { learning } = found.view;
  if (learning !== undefined) return `learning: ${learning.runs} of ${learning.needed} runs`;
  const top = highest(found);
  if (top !== undefined && isWorthALook(top)) return top.words;
  return found.present.rows === 0 ? 'nothing now' : 'as usual';
}
