/** Calls by nobody: without a token, and without a name. */
import { LIMITS } from '../../limits.ts';
import { durationText } from '../duration.ts';
import { createRecent } from '../recent.ts';
import type { AnonymousRule } from '../rule.ts';
import { type Counted, counting } from './counting.ts';
import { dedupeKey, type MakeMatcher } from './kind.ts';

interface Saved {
  readonly counted: readonly (readonly [string, Counted])[];
}

export const anonymous: MakeMatcher<AnonymousRule> = (rule, teller, saved) => {
  const counted = createRecent<Counted>(LIMITS.alertKeys, (saved as Saved | undefined)?.counted);
  const { begin, add, sums } = counting(rule.window_ms);
  return {
    see(look, t) {
      if (!look.call || look.identity !== 'anonymous') return;
      const key = dedupeKey(rule, ['host', 'tool'], look);
      const held = counted.get(key) ?? begin();
      add(held, t, look.index);
      counted.touch(key, held);
      const { now } = sums(held);
      if (now < rule.count) return;
      const what = look.host ?? look.tool ?? look.credentials[0] ?? look.type;
      const times = now === 1 ? 'a call' : `${now} calls within ${durationText(rule.window_ms)}`;
      teller.hit({
        key,
        subject: what,
        message: () => `${times} to ${what} by somebody without a token and without a name`,
        at: look.ms,
        evidence: [...held.recent],
      });
    },
    save: (): Saved => ({ counted: counted.entries() }),
  };
};
