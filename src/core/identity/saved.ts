/** The registry as text, so that a start replays only the tail of the log. A cache: losing it loses nothing. */
import { z } from 'zod';
import { canonicalize } from '../canonical.ts';
import { openGovernance, SavedGovernanceSchema, saveGovernance } from '../governance/saved.ts';
import { emptyGovernance, type GovernanceState } from '../governance/state.ts';
import type { RegistryState, TokenRecord } from './state.ts';

const text = z.string();
const names = z.array(text);

/** Before it, tokens had no user, scopes, contract or parent. */
const FORMAT = 4;
const BEFORE_USERS = 3;

/** Up to so many characters it takes longer to make what checks fast than to check: some milliseconds of every start. */
const SHORT = 64 * 1024;

/** Beyond it there are no dates. */
const LAST_MS = 8.64e15;

const ContractSchema = z.strictObject({
  credentials: z.strictObject({ allow: names.exactOptional(), deny: names.exactOptional() }).exactOptional(),
  tools: names.exactOptional(),
  hosts: names.exactOptional(),
});

const SavedSchema = z.strictObject({
  format: z.union([z.literal(FORMAT), z.literal(BEFORE_USERS)]),
  size: z.int().nonnegative(),
  open: z.array(z.int().nonnegative()),
  agents: z.array(
    z.strictObject({
      agent_id: text,
      description: text.exactOptional(),
      registered_at: text.exactOptional(),
    }),
  ),
  tokens: z.array(
    z.strictObject({
      token_id: text,
      token_hash: text,
      kind: z.enum(['agent', 'run']),
      tenant_id: text,
      agent_id: text.exactOptional(),
      run_id: text.exactOptional(),
      started_by: z.literal('other').exactOptional(),
      project_id: text.exactOptional(),
      environment: text.exactOptional(),
      expires_at: text.exactOptional(),
      user_id: text.exactOptional(),
      scopes: names.exactOptional(),
      contract: ContractSchema.exactOptional(),
      parent: text.exactOptional(),
      under: text.exactOptional(),
      label: text.exactOptional(),
      issued_at: text,
      revoked_at: text.exactOptional(),
    }),
  ),
  runs: z.array(
    z.strictObject({
      run_id: text,
      pid: z.int().exactOptional(),
      host: text.exactOptional(),
      by: z.literal('sdk').exactOptional(),
      gone: z.literal(true).exactOptional(),
      token_id: text.exactOptional(),
      ended_at: text.exactOptional(),
    }),
  ),
  ended: z.array(text),
  used: z.array(z.tuple([text, z.int().nonnegative().max(LAST_MS)])).default([]),
  holds: z.array(
    z.intersection(
      z.discriminatedUnion('kind', [
        z.looseObject({ kind: z.literal('all') }),
        z.looseObject({ kind: z.literal('run'), run_id: text }),
        z.looseObject({ kind: z.literal('subject'), subject_hash: text }),
      ]),
      z.looseObject({ hold_id: text, since: text, reason: text.exactOptional(), by: text.exactOptional() }),
    ),
  ),
  prunes: z.array(
    z.discriminatedUnion('kind', [
      z.strictObject({
        kind: z.literal('begun'),
        index: z.int().nonnegative(),
        id: text,
        ts: text,
        from: z.int().nonnegative(),
        to: z.int().positive(),
        carried: text,
        root: text.exactOptional(),
        by: text.exactOptional(),
      }),
      z.strictObject({ kind: z.enum(['done', 'aborted']), index: z.int().nonnegative(), of: text }),
    ]),
  ),
  erasing: z.array(text),
  /** Absent: written before there was any. */
  governance: SavedGovernanceSchema.exactOptional(),
});

export interface Saved {
  readonly state: RegistryState;
  /** What decisions are made from, at that size too. */
  readonly governance: GovernanceState;
  /** Indices of the actions that were open at that size. The entries themselves are in the log. */
  readonly open: readonly number[];
}

/** Equal states give equal text. Holds hashes of tokens, no secret; still for a 0600 file. */
export function serializeRegistry({
  state,
  open,
  governance = emptyGovernance(),
}: Omit<Saved, 'governance'> & Partial<Pick<Saved, 'governance'>>): string {
  const rest = canonicalize({
    format: FORMAT,
    size: state.size,
    open: [...open],
    agents: [...state.agents.values()],
    runs: [...state.runs.values()],
    ended: state.ended,
    used: [...state.used],
    holds: [...state.holds.values()],
    prunes: [...state.prunes],
    erasing: [...state.erasing],
    governance: saveGovernance(governance),
  });
  // Recording waits meanwhile, and a hundred thousand tokens take a quarter of the time in this way.
  return `${rest.slice(0, -1)},"tokens":${JSON.stringify([...state.tokens.values()].map(inOrder))}}`;
}

/** Its members in one order, whichever they came in. */
function inOrder(token: TokenRecord): { readonly [member in keyof Required<TokenRecord>]: unknown } {
  return {
    token_id: token.token_id,
    token_hash: token.token_hash,
    kind: token.kind,
    tenant_id: token.tenant_id,
    agent_id: token.agent_id,
    run_id: token.run_id,
    started_by: token.started_by,
    project_id: token.project_id,
    environment: token.environment,
    expires_at: token.expires_at,
    user_id: token.user_id,
    scopes: token.scopes,
    contract: token.contract,
    parent: token.parent,
    under: token.under,
    label: token.label,
    issued_at: token.issued_at,
    revoked_at: token.revoked_at,
  };
}

/**
 * Undefined when the text is not a saved state of this format, or refers to what it does not hold: start from
 * `emptyRegistry()` and replay the log. The caller must also do so when `size` is beyond its log.
 *
 * `carried`: what a prune carried on, of which there is no log any more to replay. It may be of the format before: no
 * entry that it stands for said anything of users.
 */
export function parseRegistry(
  saved: string,
  { carried = false }: { readonly carried?: boolean } = {},
): Saved | undefined {
  let value: unknown;
  try {
    value = JSON.parse(saved);
  } catch {
    // Any damage has the same answer as no file at all.
    return undefined;
  }
  const parsed = SavedSchema.safeParse(value, { jitless: saved.length < SHORT });
  if (!parsed.success || (parsed.data.format === BEFORE_USERS && !carried)) return undefined;
  if (parsed.data.governance === undefined && !carried) return undefined;
  const { size, open, agents, tokens, runs, ended, used, holds, prunes, erasing } = parsed.data;
  const state: RegistryState = {
    size,
    agents: new Map(agents.map((agent) => [agent.agent_id, agent])),
    tokens: new Map(tokens.map((token) => [token.token_id, token])),
    runs: new Map(runs.map((run) => [run.run_id, run])),
    ended,
    used: new Map(used),
    holds: new Map(holds.map((hold) => [hold.hold_id, hold])),
    prunes,
    erasing: new Set(erasing),
  };
  const fits =
    ended.every((id) => state.runs.has(id)) &&
    open.every((index) => index < size) &&
    used.every(([id]) => state.tokens.has(id)) &&
    areInOrder(tokens);
  const { governance } = parsed.data;
  return fits
    ? { state, open, governance: governance === undefined ? emptyGovernance() : openGovernance(governance) }
    : undefined;
}

/** What a token was derived from came before it, or is forgotten: no chain is a circle. */
function areInOrder(tokens: readonly TokenRecord[]): boolean {
  const later = new Set(tokens.map(({ token_id }) => token_id));
  return tokens.every(({ token_id, parent, under }) => {
    later.delete(token_id);
    return [parent, under].every((above) => above === undefined || (above !== token_id && !later.has(above)));
  });
}
