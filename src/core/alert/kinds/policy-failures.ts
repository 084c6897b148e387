/** Calls that the policy stopped: that it begins for an agent, and that it becomes more. */
import { LIMITS } from '../../limits.ts';
import { durationText } from '../duration.ts';
import { whoIn } from '../look.ts';
import { createRecent } from '../recent.ts';
import type { PolicyFailuresRule } from '../rule.ts';
import { type Counted, counting } from './counting.ts';
import { dedupeKey, keyOf, type MakeMatcher } from './kind.ts';

interface Saved {
  readonly counted: readonly (readonly [string, Counted])[];
}

export const policyFailures: MakeMatcher<PolicyFailuresRule> = (rule, teller, saved) => {
  const counted = createRecent<Counted>(LIMITS.alertKeys, (saved as Saved | undefined)?.counted);
  const { begin, add, sums } = counting(rule.window_ms);
  const within = durationText(rule.window_ms);
  return {
    see(look, t) {
      if (look.decision !== 'stop' || look.phase === 'post_exec') return;
      const key = dedupeKey(rule, ['agent'], look);
      const held = counted.get(key) ?? begin();
      add(held, t, look.index);
      counted.touch(key, held);
      const { now, before } = sums(held);
      if (now < rule.count) return;
      const who = whoIn(look);
      const found = { subject: who, at: look.ms, evidence: [...held.recent] };
      const newest = look.reason === undefined ? '' : `, the newest for ${look.reason}`;
      teller.hit({
        ...found,
        key,
        message: () => `the policy stopped ${now} calls of ${who} within ${within}${newest}`,
      });
      if (before < rule.count || now < rule.rising * before) return;
      teller.hit({
        ...found,
        key: keyOf('rising', key),
        message: () =>
          `the policy stops ever more calls of ${who}: ${now} within ${within}, ${before} in the ${within} before${newest}`,
        score: Math.round((now / before) * 100) / 100,
      });
    },
    save: (): Saved => ({ counted: counted.entries() }),
  };
};
