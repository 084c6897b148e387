/**
 * The first use of a host, a tool or a credential by an agent. In its first days everything that an agent does is new,
 * so for a while it is only learnt. What an agent did not use for long may leave the memory, and is then new again.
 */
import { LIMITS } from '../../limits.ts';
import type { Look } from '../look.ts';
import { createRecent } from '../recent.ts';
import type { FirstSeenRule } from '../rule.ts';
import { dedupeKey, keyOf, type MakeMatcher } from './kind.ts';

interface Saved {
  readonly agents: readonly (readonly [string, number])[];
  readonly known: readonly (readonly [string, number])[];
}

export const firstSeen: MakeMatcher<FirstSeenRule> = (rule, teller, saved) => {
  const state = saved as Saved | undefined;
  /** Log time of an agent's first call. */
  const agents = createRecent<number>(LIMITS.alertKeys, state?.agents);
  const known = createRecent<number>(LIMITS.alertKnown, state?.known);

  function look(seen: Look, agent: string, value: string, t: number): void {
    const pair = keyOf(agent, value);
    const isKnown = known.get(pair) !== undefined;
    known.touch(pair, 1);
    if (isKnown || t < (agents.get(agent) ?? t) + rule.learn_ms) return;
    teller.hit({
      key: rule.dedupe === undefined ? pair : dedupeKey(rule, [], seen, value),
      subject: value,
      message: () => `${agent} used the ${rule.of} ${value} for the first time`,
      at: seen.ms,
      evidence: [seen.index],
    });
  }

  return {
    see(seen, t) {
      const { agent } = seen;
      if (!seen.call || agent === undefined) return;
      agents.touch(agent, agents.get(agent) ?? t);
      const values = rule.of === 'credential' ? seen.credentials : [seen[rule.of]];
      for (const value of values) if (value !== undefined) look(seen, agent, value, t);
    },
    save: (): Saved => ({ agents: agents.entries(), known: known.entries() }),
  };
};
