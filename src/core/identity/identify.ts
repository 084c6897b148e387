/** Who is calling: checks what the caller presented against the registry, for this very call. Never throws. */
import { equalSecret, sha256Hex } from '../hash.ts';
import { LIMITS } from '../limits.ts';
import type { Delegator, Identity, IdentityFailure } from '../policy/types.ts';
import { clash, type Holding, holdingOf, tokenStatus } from './lineage.ts';
import { meetContracts, meetScopes } from './narrow.ts';
import type { RegistryState, TokenRecord } from './state.ts';
import { parseToken, type TokenKind } from './token.ts';

/** What a caller presents; the shape of the recorder's `Claims`. */
export interface PresentedClaims {
  readonly agent_id?: string;
  readonly agent_token?: string;
  readonly run_token?: string;
  readonly project_id?: string;
  readonly environment?: string;
}

type Check =
  | { readonly token: TokenRecord; readonly holding: Holding; readonly failure?: IdentityFailure }
  | { readonly token?: undefined; readonly holding?: undefined; readonly failure: IdentityFailure };

function checkToken(
  state: RegistryState,
  kind: TokenKind,
  presented: string,
  claims: PresentedClaims,
  nowMs: number,
  tenant: string,
): Check {
  const parsed = parseToken(presented);
  const token = parsed === undefined ? undefined : state.tokens.get(parsed.id);
  if (parsed === undefined || token === undefined || token.kind !== kind) return { failure: 'token_invalid' };
  // The secret comes first: whoever does not have it learns nothing about the token.
  if (!equalSecret(sha256Hex(parsed.secret), token.token_hash)) return { failure: 'token_invalid' };
  const holding = holdingOf(state, token);
  const status = tokenStatus(state, token, nowMs);
  if (status !== 'live') return { failure: `token_${status}`, token, holding };
  if (token.tenant_id !== tenant) return { failure: 'agent_workspace_mismatch', token, holding };
  const mismatch =
    holding.contradicts ?? clash(holding, { ...only('project_id', claims), ...only('environment', claims) });
  return mismatch === undefined ? { token, holding } : { failure: MISMATCH[mismatch], token, holding };
}

const MISMATCH = {
  user: 'token_invalid',
  project: 'agent_project_mismatch',
  environment: 'agent_environment_mismatch',
} as const satisfies Record<NonNullable<Holding['contradicts']>, IdentityFailure>;

function only<K extends 'project_id' | 'environment'>(
  key: K,
  claims: PresentedClaims,
): { readonly [P in K]?: string } {
  const value = claims[key];
  return value === undefined ? {} : ({ [key]: value } as { readonly [P in K]?: string });
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/**
 * The identity behind the claims. With an agent token and a run token both have to be good, and the agent is the agent
 * token's; a run token alone speaks for the agent its run was started with. A run that names no agent, or that an agent
 * started by itself, proves the run and not the caller's name, so that name stays `declared`, and so does a name that
 * was passed on from there. What the call may is what both tokens leave, and everything they were derived from.
 */
export function identify(
  state: RegistryState,
  claims: PresentedClaims,
  nowMs: number,
  options: { readonly tenant: string },
): Identity {
  const check = (kind: TokenKind, presented: string | undefined): Check | undefined =>
    presented === undefined ? undefined : checkToken(state, kind, presented, claims, nowMs, options.tenant);
  const agent = check('agent', claims.agent_token);
  const run = check('run', claims.run_token);

  const proved = agent?.token?.agent_id ?? run?.token?.agent_id;
  const agentId = proved ?? claims.agent_id;
  const held = together(agent?.holding, run?.holding);
  const out: Mutable<Identity> = { level: 'anonymous' };
  if (agentId !== undefined) out.agent_id = agentId;
  const tokenId = agent?.token?.token_id ?? run?.token?.token_id;
  if (tokenId !== undefined) out.token_id = tokenId;
  if (held.run_id !== undefined) out.run_id = held.run_id;
  if (held.user_id !== undefined) out.user_id = held.user_id;
  if (held.project_id !== undefined) out.project_id = held.project_id;
  if (held.environment !== undefined) out.environment = held.environment;
  if (held.delegation.length > 0) out.delegation = held.delegation;

  const failure =
    agent?.failure ??
    run?.failure ??
    (contradicts(claims.agent_id, proved) ? 'token_invalid' : undefined) ??
    (held.contradicts === undefined ? undefined : MISMATCH[held.contradicts]) ??
    (held.delegation.length > LIMITS.delegationDepth ? 'token_invalid' : undefined);
  const unproved = agentId === undefined ? 'anonymous' : 'declared';
  if (failure !== undefined) {
    if (held.delegation.length > LIMITS.delegationDepth) delete out.delegation;
    return { ...out, level: unproved, failure };
  }
  if (held.scopes !== undefined) out.scopes = held.scopes;
  if (held.contract !== undefined) out.contract = held.contract;
  const issued =
    agent === undefined
      ? run?.holding?.proved === true && (proved !== undefined || agentId === undefined)
      : agent.holding?.proved === true;
  return { ...out, level: issued ? 'issued' : unproved };
}

/** A claim that is silent takes on what the token is bound to; it does not contradict it. */
function contradicts(claimed: string | undefined, bound: string | undefined): boolean {
  return bound !== undefined && claimed !== undefined && claimed !== bound;
}

const NOTHING: Omit<Holding, 'proved'> = { delegation: [] };

/** What two tokens leave that are presented together. */
function together(agent: Holding | undefined, run: Holding | undefined): Omit<Holding, 'proved'> {
  if (agent === undefined || run === undefined) return agent ?? run ?? NOTHING;
  const scopes = meetScopes(agent.scopes, run.scopes);
  const contract = meetContracts(agent.contract, run.contract);
  const contradicts = clash(agent, run);
  const run_id = run.run_id ?? agent.run_id;
  const { user_id = run.user_id, project_id = run.project_id, environment = run.environment } = agent;
  return {
    ...(user_id === undefined ? {} : { user_id }),
    ...(project_id === undefined ? {} : { project_id }),
    ...(environment === undefined ? {} : { environment }),
    ...(run_id === undefined ? {} : { run_id }),
    ...(scopes === undefined ? {} : { scopes }),
    ...(contract === undefined ? {} : { contract }),
    delegation: joined(run.delegation, agent.delegation),
    ...(contradicts === undefined ? {} : { contradicts }),
  };
}

/** Whoever passed on either of them; mostly one chain is the beginning of the other. */
function joined(first: readonly Delegator[], second: readonly Delegator[]): readonly Delegator[] {
  const known = new Set(second.map(({ token_id }) => token_id));
  return [...first.filter(({ token_id }) => !known.has(token_id)), ...second];
}
