/** Who is calling: checks what the caller presented against the registry, for this very call. Never throws. */
import { equalSecret, sha256Hex } from '../hash.ts';
import type { Identity, IdentityFailure } from '../policy/types.ts';
import type { RegistryState, TokenRecord } from './registry.ts';
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
  | { readonly token: TokenRecord }
  | { readonly failure: IdentityFailure; readonly token?: TokenRecord };

export type TokenStatus = 'live' | 'expired' | 'revoked';

const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z$/;

export function tokenStatus(token: TokenRecord, nowMs: number): TokenStatus {
  if (token.revoked_at !== undefined) return 'revoked';
  if (token.expires_at === undefined) return 'live';
  // Only the form that we write: Date.parse takes "42" for the year 2042. An end that cannot be read has passed, so
  // that no token lives for ever because of a typing error.
  const end = INSTANT.test(token.expires_at) ? Date.parse(token.expires_at) : Number.NaN;
  return nowMs < end ? 'live' : 'expired';
}

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
  const status = tokenStatus(token, nowMs);
  if (status !== 'live') return { failure: `token_${status}`, token };
  if (token.tenant_id !== tenant) return { failure: 'agent_workspace_mismatch', token };
  if (contradicts(claims.project_id, token.project_id)) return { failure: 'agent_project_mismatch', token };
  if (contradicts(claims.environment, token.environment))
    return { failure: 'agent_environment_mismatch', token };
  return { token };
}

/** A claim that is silent takes on what the token is bound to; it does not contradict it. */
function contradicts(claimed: string | undefined, bound: string | undefined): boolean {
  return bound !== undefined && claimed !== undefined && claimed !== bound;
}

function failureOf(check: Check | undefined): IdentityFailure | undefined {
  return check !== undefined && 'failure' in check ? check.failure : undefined;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/**
 * The identity behind the claims. With an agent token and a run token both have to be good, and the agent is the agent
 * token's; a run token alone speaks for the agent its run was started with. A run that names no agent, or that an agent
 * started by itself, proves the run and not the caller's name, so that name stays `declared`.
 */
export function identify(
  state: RegistryState,
  claims: PresentedClaims,
  nowMs: number,
  options: { readonly tenant: string },
): Identity {
  const agent =
    claims.agent_token === undefined
      ? undefined
      : checkToken(state, 'agent', claims.agent_token, claims, nowMs, options.tenant);
  const run =
    claims.run_token === undefined
      ? undefined
      : checkToken(state, 'run', claims.run_token, claims, nowMs, options.tenant);

  const proved = agent?.token?.agent_id ?? run?.token?.agent_id;
  const out: Mutable<Identity> = { level: 'anonymous' };
  const agentId = proved ?? claims.agent_id;
  if (agentId !== undefined) out.agent_id = agentId;
  const tokenId = agent?.token?.token_id ?? run?.token?.token_id;
  if (tokenId !== undefined) out.token_id = tokenId;
  if (run?.token?.run_id !== undefined) out.run_id = run.token.run_id;
  const project = agent?.token?.project_id ?? run?.token?.project_id;
  if (project !== undefined) out.project_id = project;
  const environment = agent?.token?.environment ?? run?.token?.environment;
  if (environment !== undefined) out.environment = environment;

  const failure =
    failureOf(agent) ??
    failureOf(run) ??
    (contradicts(claims.agent_id, proved) ? 'token_invalid' : undefined) ??
    (contradicts(agent?.token?.project_id, run?.token?.project_id) ? 'agent_project_mismatch' : undefined) ??
    (contradicts(agent?.token?.environment, run?.token?.environment)
      ? 'agent_environment_mismatch'
      : undefined);
  const unproved = agentId === undefined ? 'anonymous' : 'declared';
  if (failure !== undefined) return { ...out, level: unproved, failure };
  const issued =
    agent !== undefined ||
    (run !== undefined &&
      run.token?.started_by !== 'other' &&
      (proved !== undefined || agentId === undefined));
  return { ...out, level: issued ? 'issued' : unproved };
}
