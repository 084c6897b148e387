/**
 * Which scopes of the kill switch concern a call. One place says it, for the layer that judges them and for the
 * recorder that reads them: a switch that is not named here does not stop the call.
 */
import type { CompiledPolicy } from './compiled.ts';
import { own } from './own.ts';
import { toolNames } from './subject.ts';
import type { DecisionRequest, Identity } from './types.ts';

const READING = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * A call changes something unless its HTTP method only reads, or its tool says `writes: false`. A call that says
 * nothing of itself is a write: the switch would otherwise be passed by leaving the method out.
 */
export function isWrite(request: DecisionRequest, policy: CompiledPolicy): boolean {
  const { target } = request.action;
  const writes = toolNames(request).map((name) => own(policy.tools, name)?.writes);
  if (writes.includes(true)) return true;
  if (writes.includes(false)) return false;
  return !READING.has(target?.method?.toUpperCase() ?? '');
}

/** Those that concern every call of whoever calls. */
export function runScopesOf({ agent_id, delegation = [] }: Identity): string[] {
  const agents = [...(agent_id === undefined ? [] : [agent_id]), ...delegation.map((one) => one.agent_id)];
  return ['global', 'tenant', ...agents.map((name) => `agent:${name}`)];
}

/**
 * "global", "tenant", "agent:NAME" for the agent and everybody who passed the task on, "tool:NAME", and "writes" for a
 * call that changes something. In the order in which they are judged.
 */
export function killScopesOf(
  request: DecisionRequest,
  identity: Identity,
  policy: CompiledPolicy,
): readonly string[] {
  const scopes = runScopesOf(identity);
  for (const name of toolNames(request)) scopes.push(`tool:${name}`);
  if (isWrite(request, policy)) scopes.push('writes');
  return scopes;
}
