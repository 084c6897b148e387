/** What an agent does is not what it usually does: what the baselines find is handed in, and told by this rule. */
import { LIMITS } from '../../limits.ts';
import type { DriftRule } from '../rule.ts';
import { keyOf, type MakeMatcher } from './kind.ts';

export const drift: MakeMatcher<DriftRule> = (rule, teller) => ({
  signal(signal) {
    if (signal.kind !== 'drift' || signal.score < rule.score) return;
    const { agent, deviation, subject, words, score, evidence, at } = signal;
    teller.hit({
      key: keyOf(agent, deviation, subject),
      subject: agent,
      message: () => words,
      at,
      evidence: evidence.slice(0, LIMITS.alertEvidence),
      score,
    });
  },
  save: () => null,
});
