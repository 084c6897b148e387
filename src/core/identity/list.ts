/** What `tally agent list` and `tally agent token list` show. Hashes stay inside. */
import { type TokenStatus, tokenStatus } from './identify.ts';
import type { AgentRecord, RegistryState, TokenRecord } from './registry.ts';

export type ListedToken = Omit<TokenRecord, 'token_hash'> & { readonly status: TokenStatus };

export type ListedAgent = AgentRecord & {
  /** Agent tokens that are good now. */
  readonly live_tokens: number;
};

/** Oldest first. Run tokens too: filter by `kind`. */
export function listTokens(state: RegistryState, nowMs: number): readonly ListedToken[] {
  return [...state.tokens.values()].map((token) => {
    const { token_hash: _, ...rest } = token;
    return { ...rest, status: tokenStatus(token, nowMs) };
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
