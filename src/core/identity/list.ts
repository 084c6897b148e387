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

/** What is wanted of all that is known. */
export interface ListWanted {
  /** An agent, or the id of a token. */
  readonly name?: string | undefined;
  readonly live?: boolean | undefined;
}

/** A row, and where the rows after it begin. */
export type Row = { readonly next: number } & (
  | { readonly agent: ListedAgent }
  | { readonly token: ListedToken }
);

/**
 * Agents in the order of their first mention in the log, then their tokens, oldest first. Each token with what its calls
 * have: less than it was issued with, where what it was derived from has less. Tokens of runs are left out. `from`: the
 * `next` of a row before. What is skipped costs nothing but its counting.
 */
export function* listRows(
  state: RegistryState,
  nowMs: number,
  wanted: ListWanted = {},
  from = 0,
): Generator<Row> {
  const agents = state.agents.size;
  if (from < agents) yield* agentRows(state, nowMs, wanted, from);
  let at = agents;
  for (const token of state.tokens.values()) {
    if (at++ < from || token.kind !== 'agent') continue;
    const { name, live } = wanted;
    if (name !== undefined && token.agent_id !== name && token.token_id !== name) continue;
    const status = tokenStatus(state, token, nowMs);
    if (live !== true || status === 'live') yield { token: listed(state, token, status), next: at };
  }
}

function* agentRows(state: RegistryState, nowMs: number, { name }: ListWanted, from: number): Generator<Row> {
  const wanted = name === undefined ? undefined : (state.tokens.get(name)?.agent_id ?? name);
  const live = new Map<string, number>();
  for (const token of state.tokens.values())
    if (token.kind === 'agent' && token.agent_id !== undefined && tokenStatus(state, token, nowMs) === 'live')
      live.set(token.agent_id, (live.get(token.agent_id) ?? 0) + 1);
  let at = 0;
  for (const agent of state.agents.values()) {
    if (at++ < from || (wanted !== undefined && agent.agent_id !== wanted)) continue;
    yield { agent: { ...agent, live_tokens: live.get(agent.agent_id) ?? 0 }, next: at };
  }
}

function listed(state: RegistryState, token: TokenRecord, status: TokenStatus): ListedToken {
  const { token_hash: _, ...rest } = token;
  const used = state.used.get(token.token_id);
  const { delegation, proved: _proved, contradicts: _contradicts, ...holding } = holdingOf(state, token);
  return {
    ...rest,
    ...holding,
    status,
    ...(delegation.length === 0 ? {} : { chain: delegation.map(({ agent_id }) => agent_id) }),
    ...(used === undefined ? {} : { last_used: new Date(used).toISOString() }),
  };
}

/** As many as take `bytes`, at least one; `next` where there are more. */
export function listPage(
  rows: Iterable<Row>,
  bytes = Number.POSITIVE_INFINITY,
): {
  readonly agents: readonly ListedAgent[];
  readonly tokens: readonly ListedToken[];
  readonly next?: number;
} {
  const agents: ListedAgent[] = [];
  const tokens: ListedToken[] = [];
  let left = bytes;
  let last: number | undefined;
  for (const row of rows) {
    left -= bytes === Number.POSITIVE_INFINITY ? 0 : JSON.stringify(row).length * UNIT_BYTES;
    if (left < 0 && last !== undefined) return { agents, tokens, next: last };
    last = row.next;
    if ('agent' in row) agents.push(row.agent);
    else tokens.push(row.token);
  }
  return { agents, tokens };
}

/** The most that UTF-8 takes for one unit of a string. */
const UNIT_BYTES = 3;
