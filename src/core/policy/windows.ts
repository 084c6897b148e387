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
  const windows: Window[] = [];
  const add = (subject: string, rate: Rate, reason: ReasonCode): void => {
    windows.push({ key: `${subject}/${rate.window_ms}`, subject, rate, reason });
  };
  // What is said of a tool for one user stands in place of what is said of it for all.
  const ofTool = own(user?.tools, tool)?.[tier]?.rate ?? own(policy.tools, tool)?.tiers?.[tier]?.rate;
  if (ofTool !== undefined) add(toolSubject(call), ofTool, 'rate_limited_user');
  const ofTier = user?.tiers?.[tier]?.rate ?? policy.defaults?.[tier]?.rate;
  if (ofTier !== undefined) add(userSubject(call), ofTier, 'rate_limited_user');
  if (limits === undefined) return windows;
  const { per_user, per_agent, per_tenant, global, burst } = limits;
  if (per_user !== undefined) add(userSubject(call), per_user, 'rate_limited_user');
  if (per_agent !== undefined) add(agentSubject(call), per_agent, 'rate_limited_agent');
  if (per_tenant !== undefined) add(tenantSubject(call), per_tenant, 'rate_limited_tenant');
  if (global !== undefined) add(GLOBAL, global, 'rate_limited_global');
  if (burst !== undefined)
    add(userSubject(call), { count: burst, window_ms: LIMITS.burstMs }, 'burst_limited');
  return windows;
}
