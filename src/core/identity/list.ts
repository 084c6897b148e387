/** What `tally agent list` and `tally agent token list` show. Hashes stay inside. */
import { holdingOf, type TokenStatus, tokenStatus } from './lineage.ts';
import type { AgentRecord, RegistryState, TokenRecord } from './state.ts';

export type ListedToken = Omit<TokenRecord, 'token_hash'> & {
  /** Dead with whatever it was derived from. */
  readonly status: TokenStatus;
  /** Of a delegated one: the agents whose hands it went through, first delegator first. */
  readonly chain?: readonly string[];
  /** RFC 3339. As this recorder remembers it; absent when it was not used, or that was forgotten. */
  readonly last_used?: string;
};

export type ListedAgent = AgentRecord & {
  /** Agent tokens that are good now. */
  readonly live_tokens: number;
};

/**
 * Oldest first, each with what its calls have: less than it was issued with, where what it was derived from has less.
 * Run tokens too: filter by `kind`.
 */
export function listTokens(state: RegistryState, nowMs: number): readonly ListedToken[] {
  return [...state.tokens.values()].map((token) => {
    const { token_hash: _, ...rest } = token;
    const used = state.used.get(token.token_id);
    const { delegation, proved: _proved, contradicts: _contradicts, ...holding } = holdingOf(state, token);
    return {
      ...rest,
      ...holding,
      status: tokenStatus(state, token, nowMs),
      ...(delegation.length === 0 ? {} : { chain: delegation.map(({ agent_id }) => agent_id) }),
      ...(used === undefined ? {} : { last_used: new Date(used).toISOString() }),
    };
  });
}

/** In the order of their first mention in the log. */
export function listAgents(state: RegistryState, nowMs: number): readonly ListedAgent[] {
  const live = new Map<string, number>();
  for (const token of listTokens(state, nowMs))
    if (token.kind === 'agent' && token.status === 'live' && token.agent_id !== undefined)
      live.set(token.agent_id, (live.get(token.agent_id) ?? 0) + 1);
  return [...state.agents.values()].map((agent) => ({
    ...agent,
    live_tokens: live.get(agent.agent_id) ?? 0,
  }));
}
