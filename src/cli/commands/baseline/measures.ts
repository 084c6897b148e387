/** Rates, runs and ratios: usual against now. */
import { percent, percentNumber, span, whole } from '../../../core/baseline/figures.ts';
import { type Distribution, medianDeviation, quantile } from '../../../core/baseline/sketch.ts';
import { intervalOf, type Ratio } from '../../../core/baseline/stats.ts';
import type { Cell } from '../../output/table.ts';
import { type Out, table } from './block.ts';
import type { Found } from './gather.ts';
import { mostOf } from './json.ts';

/** Of now the most: of its minutes, its hours, its runs. */
export function measureLines({ view, present }: Found, { style, width }: Out): string[] {
  const runs = [...present.runs.values()];
  const most = (of: (run: (typeof runs)[number]) => number): number | undefined =>
    runs.length === 0 ? undefined : Math.max(...runs.map(of));
  const is = present.calls > 0;
  const rows = [
    amount('calls a minute', view.minuteCalls.distribution, is ? mostOf(present.minutes) : undefined, whole),
    amount('calls an hour', view.hourlyCalls.distribution, is ? mostOf(present.hours) : undefined, whole),
    amount('calls a run', view.runCalls.distribution, is ? most((run) => run.calls) : undefined, whole),
    amount(
      'time of a run',
      view.runTime.distribution,
      is ? most((run) => run.last - run.first) : undefined,
      span,
    ),
    ...((quantile(view.runSecrets.distribution, 1) ?? 0) > 0 || (most((run) => run.secrets) ?? 0) > 0
      ? [
          amount(
            'secrets a run',
            view.runSecrets.distribution,
            most((run) => run.secrets),
            whole,
          ),
        ]
      : []),
    ratio('failed', view.failures, present.failures),
    ratio('stopped', view.stops, present.stops),
  ].map((row) => row.map((text): Cell => ({ text })));
  return table(
    [
      { header: '' },
      { header: 'USUAL', align: 'right' },
      { header: '99 %', align: 'right', optional: 1 },
      { header: 'NOW', align: 'right' },
    ],
    rows,
    { style, width },
  );
}

function amount(
  label: string,
  usual: Distribution,
  now: number | undefined,
  figure: (n: number) => string,
): string[] {
  const median = quantile(usual, 0.5);
  const shown = median === undefined ? '-' : `${figure(median)} ± ${figure(medianDeviation(usual) ?? 0)}`;
  const p99 = quantile(usual, 0.99);
  return [label, shown, p99 === undefined ? '-' : figure(p99), now === undefined ? '-' : figure(now)];
}

function ratio(
  label: string,
  usual: Ratio,
  now: { readonly tries: number; readonly count: number },
): string[] {
  const [low, high] = intervalOf(usual);
  const shown =
    usual.tries === 0 ? '-' : `${percent(usual.hits / usual.tries)} (${percentNumber(low)}–${percent(high)})`;
  return [label, shown, '', now.tries === 0 ? '-' : percent(now.count / now.tries)];
}
