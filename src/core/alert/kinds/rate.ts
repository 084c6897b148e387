/** Too many calls of one agent, to one host, with one credential, of one tool, for one user. */
import { LIMITS } from '../../limits.ts';
import { durationText } from '../duration.ts';
import { createRecent } from '../recent.ts';
import type { RateRule } from '../rule.ts';
import { type Counted, counting } from './counting.ts';
import { dedupeKey, keyOf, type MakeMatcher } from './kind.ts';

interface Saved {
  readonly counted: readonly (readonly [string, Counted])[];
}

export const rate: MakeMatcher<RateRule> = (rule, teller, saved) => {
  const counted = createRecent<Counted>(LIMITS.alertKeys, (saved as Saved | undefined)?.counted);
  const { begin, add, sums } = counting(rule.window_ms);
  return {
    see(look, t) {
      if (!look.call) return;
      const values = rule.by === 'credential' ? look.credentials : [look[rule.by]];
      for (const value of values) {
        if (value === undefined) continue;
        const held = counted.get(value) ?? begin();
        add(held, t, look.index);
        counted.touch(value, held);
        const { now } = sums(held);
        if (now < rule.count) continue;
        teller.hit({
          key: rule.dedupe === undefined ? keyOf(value) : dedupeKey(rule, [], look, value),
          subject: value,
          message: () =>
            `${now} calls ${PREPOSITION[rule.by]} ${value} within ${durationText(rule.window_ms)} (the rule allows fewer than ${rule.count})`,
          at: look.ms,
          evidence: [...held.recent],
          score: Math.round((now / rule.count) * 100) / 100,
        });
      }
    },
    save: (): Saved => ({ counted: counted.entries() }),
  };
};

const PREPOSITION: Readonly<Record<RateRule['by'], string>> = {
  agent: 'by agent',
  host: 'to',
  credential: 'with the credential',
  tool: 'of the tool',
  user: 'by user',
};
