/**
 * Who acts in a session: an agent that says it is Claude Code, for the user of this machine. Nothing that a hook says
 * raises that: whoever has the token of the hooks can say it too.
 */
import { agentIdOf } from '../../core/agent-id.ts';
import type { Actor, Event } from '../../core/entry.ts';
import { actorFor, actorQuality } from '../../core/policy/principal.ts';
import type { Identity } from '../../core/policy/types.ts';
import type { LocalRecorder } from '../../recorder/recorder.ts';
import type { HookInput } from './input.ts';

export const AGENT = 'claude-code';

/** A subagent acts for the session's own agent: what is for certain agents only has to hold for both. */
export function identityOf(
  recorder: Pick<LocalRecorder, 'identify'>,
  { agent }: Pick<HookInput, 'agent'>,
): Identity {
  if (agent === undefined) return recorder.identify({ agent_id: AGENT });
  const name = subagentName(AGENT, agent.type);
  return { ...recorder.identify({ agent_id: name }), delegation: [{ agent_id: AGENT }] };
}

/** `claude-code/Explore`: types are names that people give to agents of their own; see `agentIdOf`. */
export function subagentName(agent: string, type: string | undefined): string {
  const clean = (type ?? '').replace(/[^\w.:@ -]/g, '_').slice(0, 100);
  return agentIdOf(clean === '' ? `${agent}/subagent` : `${agent}/${clean}`) ?? agent;
}

export interface Acting {
  readonly actor: Actor;
  readonly quality: NonNullable<Event['quality']>;
}

export function actingOf(
  recorder: Pick<LocalRecorder, 'principal' | 'policy'>,
  identity: Identity,
  version: string | undefined,
): Acting {
  const principal = recorder.principal(identity);
  const chain = identity.delegation?.length ?? 0;
  return {
    actor: {
      ...actorFor(recorder.policy().compiled, identity, principal),
      ...(version === undefined ? {} : { agent_version: version }),
      detected: { agent: AGENT, signals: ['hook:claude-code'] },
      is_agent: true,
    },
    quality: {
      ...actorQuality(identity, principal),
      'actor.detected': 'inferred',
      ...(version === undefined ? {} : { 'actor.agent_version': 'asserted' }),
      ...(chain === 0 ? {} : { 'actor.delegation_chain': 'asserted' }),
      run_id: 'asserted',
      session_id: 'asserted',
    },
  };
}
