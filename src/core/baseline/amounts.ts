/** More than usual: rates, runs, failures, slow answers. Each gives nothing where there is nothing to compare with. */
import type { Deviation, DeviationKind } from './deviation.ts';
import { many, percent, percentNumber, span, times, whole } from './figures.ts';
import { PARAMS } from './params.ts';
import type { Group, Present, PresentHost, PresentRun, Trial } from './present.ts';
import { scoreOfChance } from './score.ts';
import { distribution, quantile } from './sketch.ts';
import { anyOf, betaBinomialTail, intervalOf, type Ratio, tailChance } from './stats.ts';
import type { Usual, View } from './view.ts';

/**
 * Chances are multiplied by the comparisons that are made in one present (Bonferroni). Half of what may go wrong is left
 * to the seven of the agent itself, half to the two of each host: an agent with many hosts is not blind to the rest.
 */
const OWN_COMPARISONS = 2 * 7;

function hostComparisons({ hosts }: Present): number {
  return 2 * 2 * hosts.size;
}

interface Amount {
  readonly kind: DeviationKind;
  readonly subject: string;
  readonly n: number;
  /** Observations of which this is the largest. */
  readonly of: number;
  readonly evidence: readonly number[];
  words(usual: { readonly median: number; readonly p99: number }): string;
}

function unusualAmount({ tail, distribution: all }: Usual, amount: Amount): Deviation | undefined {
  if (tail === undefined || amount.n <= tail.from) return undefined;
  const { kind, subject, evidence } = amount;
  const score = scoreOfChance(anyOf(tailChance(tail, amount.n), amount.of), OWN_COMPARISONS);
  const usual = { median: quantile(all, 0.5) ?? 0, p99: quantile(all, 0.99) ?? 0 };
  return { kind, subject, score, words: amount.words(usual), evidence };
}

export function callsPerMinute(view: View, present: Present, group: Group): Deviation | undefined {
  return unusualAmount(view.minuteCalls, {
    kind: 'calls_per_minute',
    subject: '',
    n: group.count,
    of: present.minutes.size,
    evidence: group.evidence,
    words: ({ p99 }) =>
      `${many(group.count, 'call')} in a minute, ${times(group.count / p99)} its 99th percentile of ${whole(p99)}`,
  });
}

export function callsPerHour(view: View, present: Present, group: Group): Deviation | undefined {
  return unusualAmount(view.hourlyCalls, {
    kind: 'calls_per_hour',
    subject: '',
    n: group.count,
    of: present.hours.size,
    evidence: group.evidence,
    words: ({ p99 }) =>
      `${many(group.count, 'call')} in an hour, ${times(group.count / p99)} its 99th percentile of ${whole(p99)}`,
  });
}

const named = (run: string): string => (run === '' ? 'what it did without a run' : `run ${run}`);

export function runCalls(view: View, present: Present, run: PresentRun): Deviation | undefined {
  return unusualAmount(view.runCalls, {
    kind: 'run_calls',
    subject: run.run,
    n: run.calls,
    of: present.activeRuns.size,
    evidence: run.evidence,
    words: ({ median, p99 }) =>
      `${named(run.run)} has ${many(run.calls, 'call')}, ${times(run.calls / Math.max(1, median))} the usual ${whole(median)} (99 % have at most ${whole(p99)})`,
  });
}

export function runTime(view: View, present: Present, run: PresentRun): Deviation | undefined {
  const lasted = run.last - run.first;
  return unusualAmount(view.runTime, {
    kind: 'run_time',
    subject: run.run,
    n: lasted,
    of: present.activeRuns.size,
    evidence: run.evidence,
    words: ({ median, p99 }) =>
      `${named(run.run)} goes on for ${span(lasted)}, ${times(lasted / Math.max(1, median))} as long as usual (median ${span(median)}, 99 % end within ${span(p99)})`,
  });
}

export function runSecrets(view: View, present: Present, run: PresentRun): Deviation | undefined {
  return unusualAmount(view.runSecrets, {
    kind: 'run_secrets',
    subject: run.run,
    n: run.secrets,
    of: present.activeRuns.size,
    evidence: run.secretEvidence,
    words: ({ p99 }) =>
      `${named(run.run)} touches secrets ${whole(run.secrets)} times, 99 % of runs at most ${whole(p99)} times`,
  });
}

function unusualRatio(
  usual: Ratio,
  { tries, count }: Trial,
  fewest: number,
  tests: number,
): number | undefined {
  if (count < fewest || usual.tries === 0) return undefined;
  if (count / tries <= (usual.hits + 1) / (usual.tries + 1)) return undefined;
  return scoreOfChance(betaBinomialTail(count, tries, usual.a, usual.b), tests);
}

function usually(usual: Ratio): string {
  const [low, high] = intervalOf(usual);
  return `usually ${percent(usual.hits / usual.tries)} (95 % interval ${percentNumber(low)}–${percent(high)})`;
}

export function failures(view: View, present: Present): Deviation | undefined {
  const trial = present.failures;
  const score = unusualRatio(view.failures, trial, PARAMS.fewest, OWN_COMPARISONS);
  if (score === undefined) return undefined;
  const words = `fails ${percent(trial.count / trial.tries)} of its calls (${whole(trial.count)} of ${whole(trial.tries)}), ${usually(view.failures)}`;
  return { kind: 'failures', subject: '', score, words, evidence: trial.evidence };
}

export function stops(view: View, present: Present): Deviation | undefined {
  const trial = present.stops;
  const score = unusualRatio(view.stops, trial, PARAMS.fewest, OWN_COMPARISONS);
  if (score === undefined) return undefined;
  const words = `is stopped at ${percent(trial.count / trial.tries)} of its calls (${whole(trial.count)} of ${whole(trial.tries)}), ${usually(view.stops)}`;
  return { kind: 'stops', subject: '', score, words, evidence: trial.evidence };
}

export function hostFailures(
  view: View,
  present: Present,
  host: string,
  now: PresentHost,
): Deviation | undefined {
  const usual = view.hosts.get(host)?.failures;
  if (usual === undefined) return undefined;
  const trial = now.failures;
  const score = unusualRatio(usual, trial, PARAMS.fewest, hostComparisons(present));
  if (score === undefined) return undefined;
  const words = `${host} fails ${percent(trial.count / trial.tries)} of its calls (${whole(trial.count)} of ${whole(trial.tries)}), ${usually(usual)}`;
  return { kind: 'host_failures', subject: host, score, words, evidence: trial.evidence };
}

const MICROSECONDS = 1000;

/** Half of the answers have to be slower than nine in ten were: a shift that matters, not one that can be measured. */
export function hostSlow(
  view: View,
  present: Present,
  host: string,
  now: PresentHost,
): Deviation | undefined {
  const usual = view.hosts.get(host);
  const trial = now.slow;
  if (usual === undefined || usual.durations.total < PARAMS.neededTail) return undefined;
  if (trial.count * 2 <= trial.tries) return undefined;
  const score = unusualRatio(usual.slow, trial, PARAMS.fewestSlow, hostComparisons(present));
  if (score === undefined) return undefined;
  const median = (quantile(distribution(now.durations), 0.5) ?? 0) / MICROSECONDS;
  const before = (quantile(usual.durations, 0.5) ?? 0) / MICROSECONDS;
  const most = usual.slowFrom / MICROSECONDS;
  const words = `${host} takes ${span(median)}, usually ${span(before)} (medians; 90 % took at most ${span(most)})`;
  return { kind: 'host_slow', subject: host, score, words, evidence: trial.evidence };
}
