/** The parts of a rule, by its kind. */
import type { Teller } from '../action.ts';
import type { AlertRule } from '../rule.ts';
import { anonymous } from './anonymous.ts';
import { drift } from './drift.ts';
import { failing } from './failing.ts';
import { firstSeen } from './first-seen.ts';
import type { Matcher } from './kind.ts';
import { missing } from './missing.ts';
import { diskLow, verificationFailed } from './outside.ts';
import { policyFailures } from './policy-failures.ts';
import { rate } from './rate.ts';
import { sensitive } from './sensitive.ts';
import { sequenceGap } from './sequence-gap.ts';
import { sessionDifference } from './session-difference.ts';
import { toolDrift } from './tool-drift.ts';

export function makeMatcher(rule: AlertRule, teller: Teller, saved: unknown): Matcher {
  switch (rule.kind) {
    case 'rate':
      return rate(rule, teller, saved);
    case 'sensitive':
      return sensitive(rule, teller, saved);
    case 'policy_failures':
      return policyFailures(rule, teller, saved);
    case 'anonymous':
      return anonymous(rule, teller, saved);
    case 'first_seen':
      return firstSeen(rule, teller, saved);
    case 'missing_run_end':
    case 'missing_post':
      return missing(rule, teller, saved);
    case 'tool_drift':
      return toolDrift(rule, teller, saved);
    case 'session_difference':
      return sessionDifference(rule, teller, saved);
    case 'sequence_gap':
      return sequenceGap(rule, teller, saved);
    case 'sink_failed':
    case 'anchor_failed':
      return failing(rule, teller, saved);
    case 'verification_failed':
      return verificationFailed(rule, teller, saved);
    case 'disk_low':
      return diskLow(rule, teller, saved);
    case 'baseline_drift':
      return drift(rule, teller, saved);
  }
}
