/** The registry as text, so that a start replays only the tail of the log. A cache: losing it loses nothing. */
import { z } from 'zod';
import { canonicalize } from '../canonical.ts';
import type { RegistryState } from './registry.ts';

const text = z.string();

const SavedSchema = z.strictObject({
  format: z.literal(2),
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
      label: text.exactOptional(),
      issued_at: text,
      revoked_at: text.exactOptional(),
    }),
  ),
  runs: z.array(
    z.strictObject({ run_id: text, token_id: text.exactOptional(), ended_at: text.exactOptional() }),
  ),
  ended: z.array(text),
});

export interface Saved {
  readonly state: RegistryState;
  /** Indices of the actions that were open at that size. The entries themselves are in the log. */
  readonly open: readonly number[];
}

/** Equal states give equal text. Holds hashes of tokens, no secret; still for a 0600 file. */
export function serializeRegistry({ state, open }: Saved): string {
  return canonicalize({
    format: 2,
    size: state.size,
    open: [...open],
    agents: [...state.agents.values()],
    tokens: [...state.tokens.values()],
    runs: [...state.runs.values()],
    ended: state.ended,
  });
}

/**
 * Undefined when the text is not a saved state of this format, or refers to what it does not hold: start from
 * `emptyRegistry()` and replay the log. The caller must also do so when `size` is beyond its log.
 */
export function parseRegistry(saved: string): Saved | undefined {
  let value: unknown;
  try {
    value = JSON.parse(saved);
  } catch {
    // Any damage has the same answer as no file at all.
    return undefined;
  }
  const parsed = SavedSchema.safeParse(value);
  if (!parsed.success) return undefined;
  const { size, open, agents, tokens, runs, ended } = parsed.data;
  const state: RegistryState = {
    size,
    agents: new Map(agents.map((agent) => [agent.agent_id, agent])),
    tokens: new Map(tokens.map((token) => [token.token_id, token])),
    runs: new Map(runs.map((run) => [run.run_id, run])),
    ended,
  };
  const fits = ended.every((id) => state.runs.has(id)) && open.every((index) => index < size);
  return fits ? { state, open } : undefined;
}
