/**
 * Agents, tokens and runs as the log tells them: a fold over the entries, so the log stays the only truth and the
 * saved state is a cache that can be thrown away. No secret is in it: tokens are SHA-256 of their secret part.
 */
import type { Entry } from '../entry.ts';
import { invariant } from '../error.ts';
import type { JsonObject } from '../json.ts';
import { LIMITS } from '../limits.ts';
import { erasedKeys, LOG_ERASE } from '../retention/erase-entry.ts';
import { applyHold, HOLD_ADD, HOLD_RELEASE } from '../retention/hold.ts';
import { LOG_PRUNE, readPrune } from '../retention/prune-entry.ts';
import { readContract, readScopes } from './bound.ts';
import { tokenStatus } from './lineage.ts';
import type { RegistryState, TokenRecord } from './state.ts';
import type { TokenKind } from './token.ts';

/** Two prunes, each with its end, and one more that was cut short at every start since. */
const PRUNE_NOTES = 16;

export function emptyRegistry(): RegistryState {
  return {
    size: 0,
    agents: new Map(),
    tokens: new Map(),
    runs: new Map(),
    ended: [],
    used: new Map(),
    holds: new Map(),
    prunes: [],
    erasing: new Set(),
  };
}

const text = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' && value.length <= LIMITS.idChars ? value : undefined;

function optional<K extends string, V = string>(key: K, value: V | undefined): { readonly [P in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { readonly [P in K]?: V });
}

/** What a token is for besides its agent or run. */
function boundTo({ metadata = {} }: Entry): Partial<TokenRecord> {
  return {
    ...optional('user_id', text(metadata.user_id)),
    ...optional('scopes', readScopes(metadata.scopes)),
    ...optional('contract', readContract(metadata.contract)),
  };
}

/** True when the entry says that the thing was done, not that somebody wanted it or was refused. */
function happened(entry: Entry): boolean {
  const { decision, outcome, source } = entry;
  // A client without a token may record events about itself; it may not make itself an agent.
  if (source.assurance === 'self_reported') return false;
  if (decision !== undefined && decision.outcome !== 'allow') return false;
  return outcome === undefined || outcome.status === 'ok' || outcome.status === 'started';
}

function addToken(state: RegistryState, entry: Entry, bound: Partial<TokenRecord>, kind: TokenKind): void {
  const { metadata = {} } = entry;
  const token_id = text(metadata.token_id);
  const token_hash = text(metadata.token_hash);
  const { expires_at } = metadata;
  // The first entry of an id stands: no later one may put another hash under it.
  if (token_id === undefined || token_hash === undefined || state.tokens.has(token_id)) return;
  forgetDead(state, entry);
  state.tokens.set(token_id, {
    token_id,
    token_hash,
    kind,
    tenant_id: entry.tenant_id,
    ...boundTo(entry),
    ...bound,
    ...(expires_at === undefined
      ? {}
      : { expires_at: typeof expires_at === 'string' ? expires_at : 'unreadable' }),
    issued_at: entry.ts,
  });
}

/** Nobody needs those of long ago, and agents may make ever more. What lies below a dead one is dead, and goes with it. */
function forgetDead(state: RegistryState, entry: Entry): void {
  const beyond = state.tokens.size - LIMITS.rememberedTokens;
  if (beyond < 0 || beyond % LIMITS.forgetTokensEvery !== 0) return;
  const nowMs = Date.parse(entry.ts);
  const dead = [...state.tokens.values()].filter(
    // Ended runs are forgotten by their number, with their tokens.
    (token) => token.kind === 'agent' && tokenStatus(state, token, nowMs) !== 'live',
  );
  for (const { token_id } of dead) forget(state, token_id);
}

function forget(state: RegistryState, tokenId: string): void {
  state.tokens.delete(tokenId);
  state.used.delete(tokenId);
}

function revoke(state: RegistryState, tokenId: string | undefined, ts: string): void {
  const token = tokenId === undefined ? undefined : state.tokens.get(tokenId);
  if (token !== undefined && token.revoked_at === undefined)
    state.tokens.set(token.token_id, { ...token, revoked_at: ts });
}

function registerAgent(state: RegistryState, entry: Entry): void {
  const agent_id = text(entry.metadata?.agent_id);
  if (agent_id === undefined) return;
  const known = state.agents.get(agent_id);
  const { description } = entry.metadata ?? {};
  state.agents.set(agent_id, {
    ...known,
    agent_id,
    ...(typeof description === 'string' ? { description } : {}),
    registered_at: known?.registered_at ?? entry.ts,
  });
}

function issueToken(state: RegistryState, entry: Entry): void {
  const { metadata = {} } = entry;
  const agent_id = text(metadata.agent_id);
  if (agent_id === undefined) return;
  const parent = text(metadata.parent);
  // Of a parent that is not known nothing can be narrower, and one that is known came before: no chain is a circle.
  if (metadata.parent !== undefined && (parent === undefined || !state.tokens.has(parent))) return;
  // A name that a delegator gave is not made known by it.
  if (parent === undefined && !state.agents.has(agent_id)) state.agents.set(agent_id, { agent_id });
  addToken(
    state,
    entry,
    {
      agent_id,
      ...optional('parent', parent),
      ...optional('project_id', text(metadata.project_id)),
      ...optional('environment', text(metadata.environment)),
      ...optional('label', text(metadata.label)),
    },
    'agent',
  );
}

function startRun(state: RegistryState, entry: Entry): void {
  const { run_id } = entry;
  if (run_id === undefined || state.runs.has(run_id)) return;
  const token_id = text(entry.metadata?.token_id);
  const under = text(entry.metadata?.under);
  const { pid, host } = entry.actor?.os ?? {};
  state.runs.set(run_id, {
    run_id,
    ...(pid === undefined ? {} : { pid }),
    ...optional('host', text(host)),
    ...(entry.source.surface === 'sdk' ? { by: 'sdk' as const } : {}),
    ...optional('token_id', token_id),
  });
  // It goes on without a good token: what it was under is not known, so what it may is not either.
  if (entry.metadata?.under !== undefined && (under === undefined || !state.tokens.has(under))) return;
  addToken(
    state,
    entry,
    {
      run_id,
      ...optional('agent_id', entry.actor?.agent_id),
      ...optional('project_id', entry.project_id),
      ...optional('environment', entry.environment),
      ...optional('under', under),
      ...(entry.metadata?.started_by === 'other' ? { started_by: 'other' as const } : {}),
    },
    'run',
  );
}

function endRun(state: RegistryState, entry: Entry): void {
  const run = entry.run_id === undefined ? undefined : state.runs.get(entry.run_id);
  if (run === undefined) return;
  const gone = entry.outcome?.error_kind === 'program_gone';
  if (run.ended_at !== undefined) {
    const { gone: was, ...told } = run;
    if (was === true && !gone) state.runs.set(run.run_id, told);
    return;
  }
  state.runs.set(run.run_id, { ...run, ended_at: entry.ts, ...(gone ? { gone } : {}) });
  revoke(state, run.token_id, entry.ts);
  state.ended.push(run.run_id);
  while (state.ended.length > LIMITS.rememberedRuns) {
    const oldest = state.runs.get(state.ended.shift() ?? '');
    invariant(oldest !== undefined, 'an ended run is among the runs');
    state.runs.delete(oldest.run_id);
    if (oldest.token_id !== undefined) forget(state, oldest.token_id);
  }
}

/**
 * Folds one entry into the state, in place. Entries are handed in by rising index; one below `size` is already
 * reflected and changes nothing, so a tail may be replayed over a saved state. Entries of other types may be left out.
 */
export function applyEntry(state: RegistryState, entry: Entry): void {
  if (entry.index < state.size) return;
  state.size = entry.index + 1;
  switch (entry.type) {
    case 'agent.register':
      if (entry.phase !== 'pre_exec' && happened(entry)) registerAgent(state, entry);
      break;
    case 'token.issue':
      if (entry.phase !== 'pre_exec' && happened(entry)) issueToken(state, entry);
      break;
    case 'token.revoke':
      if (entry.phase !== 'pre_exec' && happened(entry))
        revoke(state, text(entry.metadata?.token_id), entry.ts);
      break;
    case 'run.start':
      // Live from its first entry on: the child process starts right after it.
      if (entry.phase !== 'post_exec' && happened(entry)) startRun(state, entry);
      break;
    case 'run.end':
      // However it ended.
      if (entry.source.assurance !== 'self_reported') endRun(state, entry);
      break;
    case HOLD_ADD:
    case HOLD_RELEASE:
      if (happened(entry)) applyHold(state.holds, entry);
      break;
    case LOG_PRUNE: {
      const note = readPrune(entry as unknown as JsonObject);
      if (note === undefined) break;
      state.prunes.push(note);
      state.prunes.splice(0, Math.max(0, state.prunes.length - PRUNE_NOTES));
      break;
    }
    case LOG_ERASE:
      if (happened(entry))
        for (const keyId of erasedKeys(entry as unknown as JsonObject)) state.erasing.add(keyId);
      break;
    default:
      break;
  }
}
