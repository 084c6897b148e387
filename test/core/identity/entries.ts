/** Entries of the registry's types, as the recorder would write them. */
import { randomBytes } from 'node:crypto';
import { type Entry, GENESIS_PREV } from '../../../src/core/entry.ts';
import { identify, type PresentedClaims } from '../../../src/core/identity/identify.ts';
import { applyEntry, emptyRegistry } from '../../../src/core/identity/registry.ts';
import type { RegistryState } from '../../../src/core/identity/state.ts';
import { type MintedToken, mintToken, TOKEN_RANDOM_BYTES } from '../../../src/core/identity/token.ts';
import type { Identity } from '../../../src/core/policy/types.ts';

export const T0 = Date.parse('2026-11-20T10:00:00.000Z');

export function entryOf(index: number, type: string, rest: Partial<Entry> = {}): Entry {
  return {
    v: 1,
    id: `log_${String(index).padStart(26, '0')}`,
    index,
    prev: GENESIS_PREV,
    ts: new Date(T0 + index * 1_000).toISOString(),
    type,
    phase: 'point',
    tenant_id: 'local',
    source: { surface: 'cli', recorder_id: 'rec', recorder_version: '0', seq: index, assurance: 'enforced' },
    ...rest,
  };
}

export const mint = (kind: 'agent' | 'run'): MintedToken =>
  mintToken(kind, randomBytes(TOKEN_RANDOM_BYTES), T0);
export const issue = (
  agent_id: string,
  token: MintedToken,
  rest: Record<string, unknown> = {},
): Partial<Entry> => ({
  metadata: { kind: 'agent', agent_id, token_id: token.id, token_hash: token.hash, ...rest },
});
export const start = (run_id: string, token: MintedToken, rest: Partial<Entry> = {}): Partial<Entry> => ({
  run_id,
  metadata: { token_id: token.id, token_hash: token.hash },
  ...rest,
});

/** The registry after these entries, indexed from 0. */
export function after(...steps: readonly (readonly [type: string, rest: Partial<Entry>])[]): RegistryState {
  const state = emptyRegistry();
  for (const [i, [type, rest]] of steps.entries()) applyEntry(state, entryOf(i, type, rest));
  return state;
}

export const who = (state: RegistryState, claims: PresentedClaims, nowMs = T0): Identity =>
  identify(state, claims, nowMs, { tenant: 'local' });
export const failureOf = (state: RegistryState, claims: PresentedClaims, nowMs = T0): string | undefined =>
  who(state, claims, nowMs).failure;
