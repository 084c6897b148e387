/** What is said about the completeness of a log. spec/import.md section 11 is the shape that `--json` prints. */
import type { Assurance } from '../../entry.ts';

/** Particulars that are listed; the counts beside them do not stop. */
export const LISTED = 1_000;

export interface Place {
  readonly index: number;
  readonly id: string;
  readonly type: string;
}

export interface Hole {
  readonly recorder_id: string;
  /** Sequence numbers `from` to `to - 1` of that recorder are not in the log. */
  readonly from: number;
  readonly to: number;
  /** Index of the entry after the hole. */
  readonly before: number;
}

/** No recorder wrote this log from `from` to `to`. */
export interface Downtime {
  readonly recorder_id: string;
  /** Times of the last entry before and of the first one after. */
  readonly from: string;
  readonly to: string;
  /** 0 when the clock went back. */
  readonly ms: number;
  /** Index of the first entry after it. */
  readonly before: number;
}

export interface Downtimes {
  readonly count: number;
  readonly ms: number;
  readonly longest?: Downtime;
  readonly listed: readonly Downtime[];
}

/** What was to be shown to somebody outside, and was not. */
export interface Failing {
  readonly kind: 'anchor' | 'sink';
  readonly name: string;
  /** Entries that tell of it, since it last went well. */
  readonly times: number;
  /** Index of the newest of them. */
  readonly last: number;
  readonly reason?: string;
}

/** All of a source's entries have this, or they have several. */
export type SourceLabel = Assurance | 'mixed';

/** What one source told, imports aside. */
export interface SourceCounts {
  readonly entries: number;
  /** Of them: held by the recorder or a guard, seen by the recorder, and the source's own word. */
  readonly enforced: number;
  readonly observed: number;
  readonly self_reported: number;
  readonly without_end: number;
  readonly open_actions: number;
  readonly runs_without_end: number;
  readonly open_runs: number;
  readonly steps_missing: number;
  readonly unknown_ends: number;
  /** `log.gap` entries about it. */
  readonly gaps: number;
  /** Time of its newest entry. */
  readonly last?: string;
}

export interface AgentFindings extends SourceCounts {
  /** `actor.agent_id`: what the entries say; whether it was proved stands in each of them. */
  readonly agent: string;
  readonly label: SourceLabel;
  /** Nothing of it is missing: no end, no step, no gap. */
  readonly complete: boolean;
}

export interface SourceFindings extends SourceCounts {
  /** `source.surface`: proxy, sdk, http … */
  readonly surface: string;
  readonly label: SourceLabel;
  readonly complete: boolean;
  /** Those that have a name, in the order in which each was first heard of. */
  readonly agents: readonly AgentFindings[];
}

/** A run whose program told more than is in the log. */
export interface MissingSteps {
  readonly run_id: string;
  /** Of its start. */
  readonly index: number;
  readonly missing: number;
}

export interface CompletenessFindings {
  /** In the order in which each was first heard of. */
  readonly sources: readonly SourceFindings[];
  /** pre_exec without post_exec although its recorder is gone. */
  readonly without_end: readonly Place[];
  readonly without_end_count: number;
  /** run.start without run.end although the recorder that saw it last is gone. */
  readonly runs_without_end: readonly string[];
  readonly runs_without_end_count: number;
  /** Runs whose steps have holes: something was told that never came. `…_count`: steps, of all runs. */
  readonly steps_missing: readonly MissingSteps[];
  readonly steps_missing_count: number;
  /** Calls and runs of imported files whose end no file tells. */
  readonly imported_without_end: readonly Place[];
  readonly imported_without_end_count: number;
  /** Secrets that an agent got, set or used outside of any run. */
  readonly secrets_outside_runs: readonly Place[];
  readonly secrets_outside_runs_count: number;
  /** Entries that tell of calls of an agent which its transcript has and no record; how many calls they are. */
  readonly unrecorded_calls: readonly Place[];
  readonly unrecorded_calls_count: number;
  /** Calls on record that the agent's transcript does not have. */
  readonly untold_calls_count: number;
  readonly holes: readonly Hole[];
  readonly hole_count: number;
  /** Indexes of log.gap entries: times in which nothing could be written. */
  readonly gaps: readonly number[];
  readonly gap_count: number;
  /** Actions and runs whose recorder is alive: open, not missing. */
  readonly open_actions: number;
  readonly open_runs: number;
  readonly open: readonly Place[];
  readonly open_run_ids: readonly string[];
  /** Recorders that ended without log.close (a crash, a kill). What they had begun is closed or listed above. */
  readonly abrupt_ends: number;
  /** post_exec with status unknown: nobody saw how the action ended. */
  readonly unknown_ends: number;
  /** Times without a recorder, after a log.close and after the end of a recorder that wrote none. */
  readonly stopped: Downtimes;
  readonly crashed: Downtimes;
  /** Anchors and sinks whose newest entry tells of a failure. */
  readonly failing: readonly Failing[];
  readonly failing_count: number;
  /** False: more actions were open at once than can be told apart; what lacks an end is at least as many. */
  readonly exact: boolean;
}

/** Whether anything is missing. What is open, or ended unseen but is said to have, is not. */
export function isComplete(findings: CompletenessFindings): boolean {
  const { without_end_count, runs_without_end_count, imported_without_end_count } = findings;
  const { secrets_outside_runs_count, unrecorded_calls_count, hole_count, gap_count } = findings;
  const { steps_missing_count, exact } = findings;
  const missing =
    without_end_count +
    runs_without_end_count +
    steps_missing_count +
    imported_without_end_count +
    secrets_outside_runs_count +
    unrecorded_calls_count +
    hole_count +
    gap_count;
  return missing === 0 && exact;
}

/** The first ones, and how many there are. `also` is told of each, for whoever wants all. */
export interface Listing<T> {
  add(one: T): void;
  readonly some: readonly T[];
  readonly count: () => number;
}

export function listing<T>(also?: (one: T) => void): Listing<T> {
  const some: T[] = [];
  let count = 0;
  return {
    add(one) {
      count++;
      if (some.length < LISTED) some.push(one);
      also?.(one);
    },
    some,
    count: () => count,
  };
}
