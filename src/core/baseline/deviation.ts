/** What differs from usual, as `judge` and the live baseline tell it (spec/baseline.md). */

/** Values of a row that are remembered: what an agent does with what, as whom, where. */
export const ASPECTS = [
  'host',
  'endpoint',
  'response',
  'tool',
  'credential',
  'action',
  'type',
  'environment',
  'project',
  'identity',
  'user',
  'onBehalfOf',
] as const;
export type Aspect = (typeof ASPECTS)[number];

/** `first_…`: never in the window before. The rest: more than the window before makes likely. */
export type DeviationKind =
  | `first_${Aspect}`
  | 'unusual_hour'
  | 'unusual_weekday'
  | 'calls_per_minute'
  | 'calls_per_hour'
  | 'run_calls'
  | 'run_time'
  | 'run_secrets'
  | 'failures'
  | 'stops'
  | 'host_failures'
  | 'host_slow';

export interface Deviation {
  readonly kind: DeviationKind;
  /** What it is about: a host, a credential, a run; empty when it is the agent as a whole. */
  readonly subject: string;
  /** 0 to 1, three decimals: 0.5 is worth a look, 0.9 an alarm. */
  readonly score: number;
  /** One sentence for a person, with the figures. Holds text of the log: print it through `safe()`. */
  readonly words: string;
  /** Indexes of entries that show it, ascending, the first `LIMITS.baselineEvidence` of them. */
  readonly evidence: readonly number[];
}

export const LOOK = 0.5;
export const ALARM = 0.9;

/** Cold start: so little is known that nothing is scored. */
export interface Learning {
  readonly runs: number;
  readonly needed: number;
}
