/** Whether what is to be passed on is narrower than what the holder has, in everything. */
import { LIMITS } from '../limits.ts';
import type { CompiledPolicy, Contract } from '../policy/compiled.ts';
import { scopesHeld } from '../policy/principal.ts';
import type { Identity, Principal } from '../policy/types.ts';
import { expiryOf } from './lineage.ts';
import { contractBeyond, scopesBeyond } from './narrow.ts';
import { OPERATOR_SCOPE } from './rights.ts';
import type { RegistryState } from './state.ts';

export interface Holder {
  readonly policy: CompiledPolicy;
  /** Checked: its token is good. */
  readonly identity: Identity;
  readonly principal: Principal | undefined;
  readonly now: number;
}

/** What somebody asks for; what is absent is taken over as the holder has it. */
export interface Wanted {
  readonly agent_id: string;
  readonly scopes?: readonly string[] | undefined;
  readonly contract?: Contract | undefined;
  readonly project_id?: string | undefined;
  readonly environment?: string | undefined;
  /** Milliseconds. */
  readonly expires_at?: number | undefined;
}

export interface Granted {
  /** RFC 3339. */
  readonly expires_at: string;
  /** First delegator first. */
  readonly chain: readonly string[];
}

/** Why it is refused, or what of it follows from the holder. */
export function tooWide(
  state: RegistryState,
  holder: Holder,
  wanted: Wanted,
): Granted | { readonly why: string } {
  const { identity, now } = holder;
  const { agent_id, token_id, delegation = [] } = identity;
  if (agent_id === undefined || token_id === undefined)
    return { why: 'the run names no agent, so there is no name in which it could be passed on' };
  if (delegation.length >= LIMITS.delegationDepth)
    return { why: `it went through ${delegation.length} hands, and more are not allowed` };
  const beyond = beyondHolder(holder, wanted);
  if (beyond.length > 0) return { why: `${agent_id} does not have ${someOf(beyond)}` };
  if (recordedBytes(below(holder, wanted)) > LIMITS.identityBytes)
    return { why: 'its chain, scopes and contract are too long to be in the record of each call' };
  if (state.tokens.size >= LIMITS.tokens)
    return {
      why: `${state.tokens.size} tokens are known, and agents may make no more until some have ended`,
    };

  const held = expiryOf(state, token_id);
  const end = wanted.expires_at ?? Math.min(held ?? Number.POSITIVE_INFINITY, now + LIMITS.delegatedTokenMs);
  if (held !== undefined && end > held)
    return { why: `it would be good until ${at(end)}, and the token it is passed on from until ${at(held)}` };
  return { expires_at: at(end), chain: [...delegation.map((hand) => hand.agent_id), agent_id] };
}

function beyondHolder({ policy, identity, principal }: Holder, wanted: Wanted): readonly string[] {
  const { scopes = [], contract, project_id, environment } = wanted;
  const lacking = new Set([
    ...scopesBeyond(scopes, identity.scopes),
    ...scopesBeyond(scopes, scopesHeld(policy, principal)),
    ...scopes.filter((scope) => scope === OPERATOR_SCOPE),
  ]);
  const other = (what: string, want: string | undefined, have: string | undefined): readonly string[] =>
    want === undefined || have === undefined || want === have ? [] : [`${what} ${want}`];
  return [
    ...[...lacking].map((scope) => `scope ${scope}`),
    ...contractBeyond(contract, identity.contract),
    ...other('project', project_id, identity.project_id),
    ...other('environment', environment, identity.environment),
  ];
}

/** With it, about: the identity that each call is recorded with. */
function below({ identity }: Holder, { agent_id, scopes, contract }: Wanted): Identity {
  const { agent_id: delegator = '', token_id, scopes: passed, delegation = [] } = identity;
  const hand = {
    agent_id: delegator,
    ...(token_id === undefined ? {} : { token_id }),
    ...(passed === undefined ? {} : { scopes: passed }),
  };
  return {
    ...identity,
    agent_id,
    ...(scopes === undefined ? {} : { scopes }),
    ...(contract === undefined ? {} : { contract }),
    delegation: [...delegation, hand],
  };
}

/** What an identity takes of the inputs that a decision is recorded with. */
export function recordedBytes(identity: Identity): number {
  return new TextEncoder().encode(JSON.stringify(identity)).length;
}

/** Whoever asks may ask for very much. */
export function someOf(names: readonly string[]): string {
  const told = names.slice(0, TOLD).join(', ');
  return names.length > TOLD ? `${told} and ${names.length - TOLD} more` : told;
}

const TOLD = 8;

const at = (ms: number): string => new Date(ms).toISOString();
