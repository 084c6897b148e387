/**
 * What a call is taken for where it leaves something out: its tool, its tier, its place. One place says it for every
 * layer and for whoever counts.
 */
import type { Tier } from '../entry.ts';
import type { DecisionInputs, DecisionRequest, Identity } from './types.ts';
import type { Counted } from './windows.ts';

/** Nothing said: a person, or a coding agent in a person's terminal, is waiting for it. */
const DEFAULT_TIER: Tier = 'interactive';

export const tierOf = (request: DecisionRequest): Tier => request.action.tier ?? DEFAULT_TIER;

/** The name under which the policy speaks of it: of its tool, or of the action itself. */
export const toolOf = (request: DecisionRequest): string => request.action.tool?.name ?? request.action.name;

/** Both names, where they differ: whoever switches off one means the call, whichever it was given. */
export function toolNames(request: DecisionRequest): readonly string[] {
  const tool = toolOf(request);
  return tool === request.action.name ? [tool] : [tool, request.action.name];
}

/** What the surfaces themselves are called: a call over HTTP, a program with a secret in its environment. */
const PLAIN: ReadonlySet<string> = new Set(['http.call', 'secret.run']);

/** Nothing but a call: its host and its credentials say what it may, and it is no tool of anybody's. */
export const isPlain = ({ action }: DecisionRequest): boolean =>
  action.tool === undefined && PLAIN.has(action.name);

/** Where a call belongs when it is recorded: a token that is bound to a place decides it, whatever the caller says. */
export function placeOf(
  identity: Identity,
  said: { readonly project_id?: string | undefined; readonly environment?: string | undefined },
): Pick<DecisionRequest, 'project_id' | 'environment'> {
  const project_id = identity.project_id ?? said.project_id;
  const environment = identity.environment ?? said.environment;
  return {
    ...(project_id === undefined ? {} : { project_id }),
    ...(environment === undefined ? {} : { environment }),
  };
}

/** A call that is silent belongs to what its token is bound to. */
export const projectOf = (request: DecisionRequest, identity: Identity): string | undefined =>
  request.project_id ?? identity.project_id;
export const environmentOf = (request: DecisionRequest, identity: Identity): string | undefined =>
  request.environment ?? identity.environment;
export const runOf = (request: DecisionRequest, identity: Identity): string | undefined =>
  request.run_id ?? identity.run_id;

/**
 * Whose call it is, for the sliding windows (windows.ts). A delegated call counts for the agent that began the chain:
 * the names after it are given by the delegators, and a new one each time would never be counted.
 */
export function countedOf(
  request: DecisionRequest,
  { identity, principal }: Pick<DecisionInputs, 'identity' | 'principal'>,
): Counted {
  const agent_id = identity.delegation?.[0]?.agent_id ?? identity.agent_id;
  return {
    tenant_id: request.tenant_id,
    tier: tierOf(request),
    tool: toolOf(request),
    ...(principal === undefined ? {} : { user_id: principal.id }),
    ...(agent_id === undefined ? {} : { agent_id }),
  };
}
