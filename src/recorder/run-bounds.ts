/** What a run may at most: of the token or the run that it is started with, and of what is asked for when it starts. */
import { recordedBytes, someOf } from '../core/identity/delegation.ts';
import { contractBeyond, meetContracts, meetScopes, scopesBeyond } from '../core/identity/narrow.ts';
import { OPERATOR_SCOPE } from '../core/identity/rights.ts';
import { LIMITS } from '../core/limits.ts';
import type { Contract } from '../core/policy/compiled.ts';
import type { Identity } from '../core/policy/types.ts';

export interface RunWanted {
  readonly agent_id?: string | undefined;
  readonly user_id?: string | undefined;
  readonly scopes?: readonly string[] | undefined;
  readonly contract?: Contract | undefined;
}

export interface RunBounds {
  /** What the entry of its start says, for the registry to be made from. */
  readonly metadata: {
    readonly user_id?: string;
    readonly scopes?: readonly string[];
    readonly contract?: Contract;
    /** A token: what ends it ends the run. */
    readonly under?: string;
    /** The run it is started in: its use is that one's too. */
    readonly within?: string;
  };
  /** Whose the entry of its start is. */
  readonly identity: Identity;
  /** More was asked for than there is. */
  readonly why?: string;
}

/** `holder`: checked and good; undefined where nothing is above the run. */
export function boundRun(holder: Identity | undefined, wanted: RunWanted): RunBounds {
  const { agent_id } = wanted;
  const user_id = wanted.user_id ?? holder?.user_id;
  const scopes = meetScopes(holder?.scopes, wanted.scopes);
  const contract = meetContracts(holder?.contract, wanted.contract);
  const known = {
    ...(user_id === undefined ? {} : { user_id }),
    ...(scopes === undefined ? {} : { scopes: scopes.filter((scope) => scope !== OPERATOR_SCOPE) }),
    ...(contract === undefined ? {} : { contract }),
  };
  const proved = holder?.level === 'issued' && holder.agent_id === agent_id && agent_id !== undefined;
  const identity: Identity = {
    level: proved ? 'issued' : agent_id === undefined ? 'anonymous' : 'declared',
    ...(agent_id === undefined ? {} : { agent_id }),
    ...(proved && holder.token_id !== undefined ? { token_id: holder.token_id } : {}),
    ...(holder?.delegation === undefined ? {} : { delegation: holder.delegation }),
    ...known,
  };
  const why = beyond(holder, wanted) ?? tooLong(identity);
  return {
    metadata: {
      ...known,
      ...(holder?.token_id === undefined ? {} : { under: holder.token_id }),
      ...(holder?.run_id === undefined ? {} : { within: holder.run_id }),
    },
    identity,
    ...(why === undefined ? {} : { why }),
  };
}

function beyond(holder: Identity | undefined, wanted: RunWanted): string | undefined {
  const lacking = [
    ...(wanted.scopes ?? []).filter((scope) => scope === OPERATOR_SCOPE),
    ...scopesBeyond(wanted.scopes, holder?.scopes).map((scope) => `scope ${scope}`),
    ...contractBeyond(wanted.contract, holder?.contract),
  ];
  if (lacking.length > 0) return `what it is started with does not have ${someOf(lacking)}`;
  const whose = holder?.user_id;
  return whose === undefined || wanted.user_id === undefined || wanted.user_id === whose
    ? undefined
    : `it would be for ${wanted.user_id}, and what it is started with is for ${whose}`;
}

function tooLong(identity: Identity): string | undefined {
  return recordedBytes(identity) > LIMITS.identityBytes
    ? 'its scopes and contract are too long to be in the record of each call'
    : undefined;
}
