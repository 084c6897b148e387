/**
 * Which sliding windows bound a call. One place says it, for the layer that judges them and for the recorder that
 * counts: what is not asked for here is not read, and what is read is recorded (`decision.inputs.windows`).
 *
 * Every call that came as far as the limits and was not stopped by them counts, whatever a later layer said of it. A
 * call that was stopped before counts nowhere, so an agent that is refused does not use up what is its user's.
 */
import type { Tier } from '../entry.ts';
import { LIMITS } from '../limits.ts';
import type { CompiledPolicy, Rate } from './compiled.ts';
import { own } from './own.ts';
import type { ReasonCode } from './reasons.ts';

export interface Window {
  /** Names the window in `decision.inputs.windows`: whose calls, a slash, and the window in milliseconds. */
  readonly key: string;
  /** Whose calls are counted in it: what `subjectsOf` names for each call. */
  readonly subject: string;
  readonly rate: Rate;
  readonly reason: ReasonCode;
}

/** Whose call it is. */
export interface Counted {
  readonly tenant_id: string;
  /** Absent: nobody that is known. Such calls share one count. */
  readonly user_id?: string;
  readonly agent_id?: string;
  readonly tool?: string;
  readonly tier: Tier;
}

const NOBODY = '-';

const userSubject = ({ user_id = NOBODY, tier }: Counted): string => `user:${user_id}:${tier}`;
const toolSubject = (call: Counted): string => `${userSubject(call)}:tool:${call.tool ?? NOBODY}`;
const agentSubject = ({ agent_id = NOBODY }: Counted): string => `agent:${agent_id}`;
const tenantSubject = ({ tenant_id }: Counted): string => `tenant:${tenant_id}`;
const GLOBAL = 'global';

/** Every subject that a call counts for, whether or not a policy bounds it now: the next one may. */
export function subjectsOf(call: Counted): readonly string[] {
  const subjects = [userSubject(call), agentSubject(call), tenantSubject(call), GLOBAL];
  return call.tool === undefined ? subjects : [...subjects, toolSubject(call)];
}

/** In the order in which they are judged. The rate of user and tier is the most specific one that the policy names. */
export function windowsOf(policy: CompiledPolicy, call: Counted): readonly Window[] {
  const { limits } = policy;
  const { tier, tool } = call;
  const user = own(policy.users, call.user_id);
  const rates: [subject: string, rate: Rate | undefined, reason: ReasonCode][] = [
    [toolSubject(call), own(user?.tools, tool)?.[tier]?.rate, 'rate_limited_user'],
    [toolSubject(call), own(policy.tools, tool)?.tiers?.[tier]?.rate, 'rate_limited_user'],
    [userSubject(call), user?.tiers?.[tier]?.rate ?? policy.defaults?.[tier]?.rate, 'rate_limited_user'],
    [userSubject(call), limits?.per_user, 'rate_limited_user'],
    [agentSubject(call), limits?.per_agent, 'rate_limited_agent'],
    [tenantSubject(call), limits?.per_tenant, 'rate_limited_tenant'],
    [GLOBAL, limits?.global, 'rate_limited_global'],
    [
      userSubject(call),
      limits?.burst === undefined ? undefined : { count: limits.burst, window_ms: LIMITS.burstMs },
      'burst_limited',
    ],
  ];
  // What is said of a tool for one user stands in place of what is said of it for all.
  if (rates[0]?.[1] !== undefined) rates.splice(1, 1);
  return rates.flatMap(([subject, rate, reason]) =>
    rate === undefined ? [] : [{ key: `${subject}/${rate.window_ms}`, subject, rate, reason }],
  );
}
