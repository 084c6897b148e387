/**
 * What a token was derived from, hand by hand. A delegated token names its parent; a run that was started with a token,
 * or inside another run, is under it and in the same hands. Whatever ends one of them ends all that lies below it, with
 * the next call.
 */
import { LIMITS } from '../limits.ts';
import type { Contract } from '../policy/compiled.ts';
import type { Delegator } from '../policy/types.ts';
import { meetContracts, meetScopes, type Scopes } from './narrow.ts';
import type { RegistryState, TokenRecord } from './state.ts';

export type TokenStatus = 'live' | 'expired' | 'revoked';

type Tokens = Pick<RegistryState, 'tokens'>;

/** A chain of `delegationDepth` hands and the token at its end. */
const MOST = LIMITS.delegationDepth + 1;

/**
 * The token first, then what it was derived from. `broken`: something above it is not known any more, which is only
 * forgotten once it is dead.
 */
export function lineageOf(
  { tokens }: Tokens,
  token: TokenRecord,
): { readonly line: readonly TokenRecord[]; readonly broken?: true } {
  const line = [token];
  for (let at = token; ; ) {
    const above = at.parent ?? at.under;
    if (above === undefined) return { line };
    const next = tokens.get(above);
    if (next === undefined || line.length === MOST) return { line, broken: true };
    line.push(next);
    at = next;
  }
}

const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z$/;

function ownStatus(token: TokenRecord, nowMs: number): TokenStatus {
  if (token.revoked_at !== undefined) return 'revoked';
  if (token.expires_at === undefined) return 'live';
  // Only the form that we write: Date.parse takes "42" for the year 2042. An end that cannot be read has passed, so
  // that no token lives for ever because of a typing error.
  const end = INSTANT.test(token.expires_at) ? Date.parse(token.expires_at) : Number.NaN;
  return nowMs < end ? 'live' : 'expired';
}

export function tokenStatus(state: Tokens, token: TokenRecord, nowMs: number): TokenStatus {
  const own = ownStatus(token, nowMs);
  if (own !== 'live' || (token.parent ?? token.under) === undefined) return own;
  const { line, broken } = lineageOf(state, token);
  for (const above of line) {
    const status = ownStatus(above, nowMs);
    if (status !== 'live') return status;
  }
  return broken === true ? 'revoked' : 'live';
}

/** When the first token of its line ends, milliseconds. Undefined: none does. */
export function expiryOf(state: Tokens, tokenId: string): number | undefined {
  const token = state.tokens.get(tokenId);
  if (token === undefined) return undefined;
  const ends = lineageOf(state, token).line.flatMap(({ expires_at }) =>
    expires_at === undefined ? [] : [Date.parse(expires_at)],
  );
  return ends.length === 0 ? undefined : Math.min(...ends);
}

/** What a token has, with all that it was derived from. */
export interface Holding {
  readonly user_id?: string;
  readonly scopes?: readonly string[];
  readonly contract?: Contract;
  readonly project_id?: string;
  readonly environment?: string;
  /** The run that it is of, or that a hand above it is of: what is passed on in a run stays in it. */
  readonly run_id?: string;
  /** First delegator first. */
  readonly delegation: readonly Delegator[];
  /** The name was proved by whoever was first, and passed on from there. */
  readonly proved: boolean;
  /** The hands disagree on whose it is, or where: nothing that the recorder issues. */
  readonly contradicts?: 'user' | 'project' | 'environment';
}

/** As far as it is known; a broken line is dead anyway. */
export function holdingOf(state: Tokens, token: TokenRecord): Holding {
  const { line } = lineageOf(state, token);
  const delegation: Delegator[] = [];
  let scopes: Scopes;
  let contract: Contract | undefined;
  let bound: Pick<Holding, 'user_id' | 'project_id' | 'environment'> = {};
  let contradicts: Holding['contradicts'];
  let proved = false;
  let run: string | undefined;
  for (let i = line.length - 1; i >= 0; i--) {
    const at = line[i];
    if (at === undefined) continue;
    const above = line[i + 1];
    if (above !== undefined && at.parent === above.token_id) {
      delegation.push({
        agent_id: above.agent_id ?? '',
        token_id: above.token_id,
        ...(scopes === undefined ? {} : { scopes }),
      });
    } else {
      // Whoever has an agent's token may start runs in its name; a run by itself proves no name to what is inside it.
      const vouched: boolean = above?.kind === 'agent' && at.agent_id === above.agent_id && proved;
      proved = vouched || at.started_by !== 'other';
    }
    scopes = meetScopes(scopes, at.scopes);
    contract = meetContracts(contract, at.contract);
    contradicts ??= clash(bound, at);
    run = at.run_id ?? run;
    bound = {
      ...pick('user_id', bound.user_id ?? at.user_id),
      ...pick('project_id', bound.project_id ?? at.project_id),
      ...pick('environment', bound.environment ?? at.environment),
    };
  }
  return {
    ...bound,
    ...(scopes === undefined ? {} : { scopes }),
    ...(contract === undefined ? {} : { contract }),
    ...(run === undefined ? {} : { run_id: run }),
    delegation,
    proved,
    ...(contradicts === undefined ? {} : { contradicts }),
  };
}

type Bound = Pick<Holding, 'user_id' | 'project_id' | 'environment'>;

const differ = (a: string | undefined, b: string | undefined): boolean =>
  a !== undefined && b !== undefined && a !== b;

/** Where two tokens contradict each other. */
export function clash(a: Bound, b: Bound): Holding['contradicts'] {
  if (differ(a.user_id, b.user_id)) return 'user';
  if (differ(a.project_id, b.project_id)) return 'project';
  return differ(a.environment, b.environment) ? 'environment' : undefined;
}

const pick = <K extends string>(key: K, value: string | undefined): { readonly [P in K]?: string } =>
  value === undefined ? {} : ({ [key]: value } as { readonly [P in K]?: string });
