/**
 * Alert rules, compiled. They are part of the policy's snapshot, so that what was raised can be derived again from the
 * log: plain JSON, members in snake_case, times in milliseconds of the log's time.
 */

export const SEVERITIES = ['info', 'warning', 'critical'] as const;
export type Severity = (typeof SEVERITIES)[number];

/** What alerts of a rule can be told apart by. */
export const DEDUPE_FIELDS = ['agent', 'host', 'tool', 'credential', 'user', 'run'] as const;
export type DedupeField = (typeof DEDUPE_FIELDS)[number];

export const RATE_BY = ['agent', 'host', 'credential', 'tool', 'user'] as const;
export const FIRST_SEEN_OF = ['host', 'tool', 'credential'] as const;

interface Common {
  readonly name: string;
  readonly severity: Severity;
  /** An alert is closed when nothing matched for this long, and raised anew by what matches after that. */
  readonly quiet_ms: number;
  /** Alerts with the same values here are one. Absent: what is right for the kind. */
  readonly dedupe?: readonly DedupeField[];
  /** Names of destinations in the machine's configuration. Absent: all of them. */
  readonly destinations?: readonly string[];
}

export interface RateRule extends Common {
  readonly kind: 'rate';
  readonly by: (typeof RATE_BY)[number];
  readonly count: number;
  readonly window_ms: number;
}

export interface SensitiveRule extends Common {
  readonly kind: 'sensitive';
  /** Globs over `host/path`, over tools, over credentials. One that matches is enough. */
  readonly endpoints: readonly string[];
  readonly tools: readonly string[];
  readonly credentials: readonly string[];
  /** Absent: every method. */
  readonly methods?: readonly string[];
}

export interface PolicyFailuresRule extends Common {
  readonly kind: 'policy_failures';
  readonly count: number;
  readonly window_ms: number;
  /** How many times as many as in the window before are called rising. */
  readonly rising: number;
}

export interface AnonymousRule extends Common {
  readonly kind: 'anonymous';
  readonly count: number;
  readonly window_ms: number;
}

export interface FirstSeenRule extends Common {
  readonly kind: 'first_seen';
  readonly of: (typeof FIRST_SEEN_OF)[number];
  /** For this long after an agent's first call nothing is new. */
  readonly learn_ms: number;
}

export interface MissingRule extends Common {
  readonly kind: 'missing_run_end' | 'missing_post';
  readonly after_ms: number;
}

export interface ToolDriftRule extends Common {
  readonly kind: 'tool_drift';
}

export interface PlainRule extends Common {
  readonly kind: 'session_difference' | 'sequence_gap' | 'sink_failed' | 'anchor_failed';
}

export interface VerificationRule extends Common {
  readonly kind: 'verification_failed';
  readonly every_ms: number;
}

export interface DiskRule extends Common {
  readonly kind: 'disk_low';
  readonly free_bytes: number;
}

export interface DriftRule extends Common {
  readonly kind: 'baseline_drift';
  /** The least score that is told. */
  readonly score: number;
}

export type AlertRule =
  | RateRule
  | SensitiveRule
  | PolicyFailuresRule
  | AnonymousRule
  | FirstSeenRule
  | MissingRule
  | ToolDriftRule
  | PlainRule
  | VerificationRule
  | DiskRule
  | DriftRule;
export type AlertKind = AlertRule['kind'];

/** What a policy file says under `alerts`, compiled. */
export interface AlertPolicy {
  /** The rules of the file, and those of the default set that were in force when it was compiled. */
  readonly rules: readonly AlertRule[];
}

/** Whose end is a fact, not silence: they are closed when it is over, or by a person, and by nothing else. */
export const LASTING: ReadonlySet<AlertKind> = new Set<AlertKind>([
  'sink_failed',
  'anchor_failed',
  'verification_failed',
  'disk_low',
]);

/** Known from more than the entries: nobody can derive their alerts from the log alone. */
export const FROM_OUTSIDE: ReadonlySet<AlertKind> = new Set<AlertKind>([
  'verification_failed',
  'disk_low',
  'baseline_drift',
]);
