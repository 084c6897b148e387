/** What `tally baseline --json` prints. Members are added, never renamed. */
import { ALARM, ASPECTS, type Deviation, LOOK } from '../../../core/baseline/deviation.ts';
import { type Distribution, medianDeviation, quantile } from '../../../core/baseline/sketch.ts';
import { intervalOf, type Ratio } from '../../../core/baseline/stats.ts';
import type { AspectView, HostView, View } from '../../../core/baseline/view.ts';
import type { Found } from './gather.ts';
import { highest, type Overview } from './overview.ts';

export function agentJson({ agent, windowDays, now, view, present, deviations }: Found) {
  return {
    agent,
    window: { since: view.model.since, until: view.model.until, days: windowDays },
    now,
    ...(view.learning === undefined ? {} : { learning: view.learning }),
    usual: usualJson(view),
    present: {
      rows: present.rows,
      calls: present.calls,
      runs: present.activeRuns.size,
      most_calls_per_minute: mostOf(present.minutes),
      most_calls_per_hour: mostOf(present.hours),
      failures: { tries: present.failures.tries, hits: present.failures.count },
      stops: { tries: present.stops.tries, hits: present.stops.count },
    },
    deviations: deviations.map(deviationJson),
  };
}

export function overviewJson({ found, more }: Overview) {
  return {
    agents: found.map((each) => {
      const top = highest(each);
      return {
        agent: each.agent,
        runs: each.view.runs,
        active_days: each.view.activeDays,
        ...(each.view.learning === undefined ? {} : { learning: each.view.learning }),
        deviations: each.deviations.filter(({ score }) => score >= LOOK).length,
        ...(top === undefined ? {} : { highest: deviationJson(top) }),
      };
    }),
    more,
  };
}

function deviationJson({ kind, subject, score, words, evidence }: Deviation) {
  return { kind, subject, score, level: levelOf(score), words, evidence };
}

export function levelOf(score: number): 'alarm' | 'look' | 'quiet' {
  if (score >= ALARM) return 'alarm';
  return score >= LOOK ? 'look' : 'quiet';
}

export function mostOf(groups: ReadonlyMap<string, { readonly count: number }>): number {
  let most = 0;
  for (const { count } of groups.values()) most = Math.max(most, count);
  return most;
}

const MICROSECONDS = 1000;

function usualJson(view: View) {
  return {
    calls: view.calls,
    runs: view.runs,
    days: view.days,
    active_days: view.activeDays,
    calls_per_minute: distributionJson(view.minuteCalls.distribution),
    calls_per_hour: distributionJson(view.hourlyCalls.distribution),
    run_calls: distributionJson(view.runCalls.distribution),
    run_ms: distributionJson(view.runTime.distribution),
    run_secrets: distributionJson(view.runSecrets.distribution),
    failures: ratioJson(view.failures),
    stops: ratioJson(view.stops),
    /** By hour of the day, UTC. */
    hours: view.hourDays.map((days, hour) => ({ hour, days, calls: view.hourCalls[hour] ?? 0 })),
    /** By day of the week, 0 is Sunday. */
    weekdays: view.weekdayDays,
    values: Object.fromEntries(ASPECTS.map((aspect) => [aspect, aspectJson(view.aspects[aspect])])),
    hosts: [...view.hosts].map(([host, of]) => hostJson(host, of)),
    /** Rows of runs, and calls to hosts, beyond those that are told apart on one day. */
    beyond: { runs: view.unrun, hosts: view.unhosted },
  };
}

function aspectJson({ values, once, dropped }: AspectView) {
  return { values: [...values].map(([value, seen]) => ({ value, ...seen })), once, dropped };
}

function hostJson(host: string, { ended, failures, durations }: HostView) {
  return {
    host,
    ended,
    failures: ratioJson(failures),
    duration_ms: distributionJson(durations, MICROSECONDS),
  };
}

function distributionJson(of: Distribution, unit = 1) {
  const part = (n: number | undefined) => (n === undefined ? undefined : n / unit);
  return {
    count: of.total,
    median: part(quantile(of, 0.5)),
    mad: part(medianDeviation(of)),
    p90: part(quantile(of, 0.9)),
    p99: part(quantile(of, 0.99)),
    most: part(of.values.at(-1)?.[0]),
  };
}

function ratioJson(ratio: Ratio) {
  const { tries, hits, dispersion } = ratio;
  const [low, high] = intervalOf(ratio);
  const rate = tries === 0 ? undefined : hits / tries;
  return { tries, hits, rate, low, high, dispersion };
}
