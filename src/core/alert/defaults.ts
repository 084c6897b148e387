/** The rules that are in force without any configuration. `docs/alerts.md` lists them for people. */
import type { AlertRule } from './rule.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/**
 * What an honest machine hardly ever shows. Anonymous calls and rates are not among them: how many are too many only the
 * owner of a machine can say.
 */
// biome-ignore format: one line a rule
export const DEFAULT_RULES: readonly AlertRule[] = [
  { name: 'policy-failures', kind: 'policy_failures', severity: 'warning', quiet_ms: 30 * MINUTE, count: 3, window_ms: 10 * MINUTE, rising: 3 },
  { name: 'new-host', kind: 'first_seen', severity: 'info', quiet_ms: DAY, of: 'host', learn_ms: DAY },
  { name: 'new-tool', kind: 'first_seen', severity: 'info', quiet_ms: DAY, of: 'tool', learn_ms: DAY },
  { name: 'new-credential', kind: 'first_seen', severity: 'warning', quiet_ms: DAY, of: 'credential', learn_ms: DAY },
  // A run's token is good for a day; what has not ended by then never will.
  { name: 'run-not-ended', kind: 'missing_run_end', severity: 'info', quiet_ms: DAY, after_ms: DAY },
  // Above the longest time that the broker waits for an upstream.
  { name: 'call-not-ended', kind: 'missing_post', severity: 'warning', quiet_ms: HOUR, after_ms: 30 * MINUTE },
  { name: 'tool-changed', kind: 'tool_drift', severity: 'warning', quiet_ms: DAY },
  { name: 'calls-unrecorded', kind: 'session_difference', severity: 'warning', quiet_ms: DAY },
  { name: 'gap', kind: 'sequence_gap', severity: 'critical', quiet_ms: HOUR },
  { name: 'sink-fails', kind: 'sink_failed', severity: 'warning', quiet_ms: HOUR },
  { name: 'anchor-fails', kind: 'anchor_failed', severity: 'warning', quiet_ms: HOUR },
  { name: 'tampering', kind: 'verification_failed', severity: 'critical', quiet_ms: DAY, every_ms: DAY },
  { name: 'disk', kind: 'disk_low', severity: 'critical', quiet_ms: HOUR, free_bytes: 1024 * 1024 * 1024 },
];
