/** How much of the past a policy asks for: no call is remembered longer than some window of it may look back. */

import { LIMITS } from '../limits.ts';
import type { CompiledPolicy, Rate, TierRules } from '../policy/compiled.ts';

/** Whose calls are counted, in the order of `subjectsOf` (policy/windows.ts). */
export const SUBJECT_KINDS = ['user', 'agent', 'tenant', 'global', 'tool'] as const;
export type SubjectKind = (typeof SUBJECT_KINDS)[number];

export interface Need {
  /** The longest window. 0: nothing is asked for. */
  readonly ms: number;
  /** The largest number of calls that is counted up to. */
  readonly count: number;
}
export type Needs = { readonly [kind in SubjectKind]: Need };

const NOTHING: Need = { ms: 0, count: 0 };

export const noNeeds = (): Needs => ({
  user: NOTHING,
  agent: NOTHING,
  tenant: NOTHING,
  global: NOTHING,
  tool: NOTHING,
});

const widest = (a: Need, b: Need): Need => ({
  ms: Math.max(a.ms, b.ms),
  count: Math.max(a.count, b.count),
});

const needOf = (rates: readonly (Rate | undefined)[]): Need =>
  rates.reduce<Need>(
    (need, rate) => (rate === undefined ? need : widest(need, { ms: rate.window_ms, count: rate.count })),
    NOTHING,
  );

const ratesOf = (tiers: TierRules | undefined): readonly (Rate | undefined)[] =>
  Object.values(tiers ?? {}).map((rule) => rule?.rate);

const cache = new WeakMap<CompiledPolicy, Needs>();

/** Worked out once for each policy. */
export function needsOf(policy: CompiledPolicy): Needs {
  const known = cache.get(policy);
  if (known !== undefined) return known;
  const { limits, defaults } = policy;
  const users = Object.values(policy.users ?? {});
  const tools = Object.values(policy.tools ?? {});
  const burst = limits?.burst === undefined ? undefined : { count: limits.burst, window_ms: LIMITS.burstMs };
  const needs: Needs = {
    user: needOf([
      limits?.per_user,
      burst,
      ...ratesOf(defaults),
      ...users.flatMap((user) => ratesOf(user.tiers)),
    ]),
    agent: needOf([limits?.per_agent]),
    tenant: needOf([limits?.per_tenant]),
    global: needOf([limits?.global]),
    tool: needOf([
      ...tools.flatMap((tool) => ratesOf(tool.tiers)),
      ...users.flatMap((user) => Object.values(user.tools ?? {}).flatMap(ratesOf)),
    ]),
  };
  cache.set(policy, needs);
  return needs;
}

export function joinNeeds(a: Needs, b: Needs): Needs {
  return {
    user: widest(a.user, b.user),
    agent: widest(a.agent, b.agent),
    tenant: widest(a.tenant, b.tenant),
    global: widest(a.global, b.global),
    tool: widest(a.tool, b.tool),
  };
}

/** Whether what was kept for `kept` answers everything that `asked` may ask. */
export function covers(kept: Needs, asked: Needs): boolean {
  return SUBJECT_KINDS.every(
    (kind) => kept[kind].ms >= asked[kind].ms && kept[kind].count >= asked[kind].count,
  );
}
