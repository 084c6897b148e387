/**
 * The vocabulary of a decision. `decide(request, policy, inputs)` is pure and total: the same three values give the
 * same decision for ever, so a recorded decision can be replayed from its snapshot and its inputs.
 */
import type { Decision, IdentityLevel, InjectionStyle, Target, Tier } from '../entry.ts';
import type { Json, JsonObject } from '../json.ts';
import type { Contract, PolicyInForce } from './compiled.ts';

/** Why a presented token was not good. These are reason codes. */
export type IdentityFailure =
  | 'identity_missing'
  | 'token_invalid'
  | 'token_expired'
  | 'token_revoked'
  | 'agent_workspace_mismatch'
  | 'agent_project_mismatch'
  | 'agent_environment_mismatch';

/** One hand that a task went through, with what it held at the most. */
export interface Delegator {
  readonly agent_id: string;
  readonly token_id?: string;
  /** Absent: all that the user has. */
  readonly scopes?: readonly string[];
}

/** The result of checking whatever the caller presented, for this very call. */
export interface Identity {
  /** `issued` only when a live, unrevoked token was checked for this call. */
  readonly level: IdentityLevel;
  readonly agent_id?: string;
  readonly token_id?: string;
  readonly run_id?: string;
  /** On whose behalf: the user or service account that the token was issued for. */
  readonly user_id?: string;
  /** What the token, and each of those it was derived from, passes on at most. Absent: everything. */
  readonly scopes?: readonly string[];
  /**
   * Who passed the task on, first delegator first; [] for a direct call. A name is given to a delegated token by its
   * delegator alone, so it gives nothing by itself: what is for certain agents only (a credential, an agent's contract, a
   * kill switch) has to hold for every hand in the chain, not just for the last one.
   */
  readonly delegation?: readonly Delegator[];
  /** What the token, the run and those they were derived from leave, all together. Absent: everything. */
  readonly contract?: Contract;
  /** What the token is bound to. A call whose claims are silent belongs to these. */
  readonly project_id?: string;
  readonly environment?: string;
  readonly failure?: IdentityFailure;
}

/** What somebody wants to do. */
export interface DecisionRequest {
  /** The tenant that the caller names, or the recorder's own. */
  readonly tenant_id: string;
  readonly project_id?: string;
  readonly environment?: string;
  readonly run_id?: string;
  readonly action: {
    readonly name: string;
    readonly target?: Target;
    readonly tool?: { readonly name: string };
    readonly tier?: Tier;
    readonly capability?: string;
    /** Of the arguments before redaction. Absent: there were none. */
    readonly key?: string;
    readonly args_hash?: string;
  };
  /** Whether the arguments could be read as a whole. Absent: there are none. */
  readonly args?: 'whole' | 'streamed';
  /** The caller stated a purpose. */
  readonly reason_given?: boolean;
  readonly credentials: readonly { readonly ref: string; readonly injection_style: InjectionStyle }[];
}

/** Who a call is for, as far as it is known. */
export interface Principal {
  readonly id: string;
  readonly email?: string;
  /** `token`: the token of this call was issued for it. `owner`: the machine's own user, on an embedded recorder. */
  readonly source: 'token' | 'owner';
}

/** One sliding window as it stood before this call. */
export interface WindowRead {
  /** Calls in it, counted no further than the limit that was asked for. */
  readonly count: number;
  /** At the limit: milliseconds until one more fits. */
  readonly free_in_ms?: number;
}

/** What a run had used before this call. */
export interface BudgetRead {
  readonly steps: number;
  readonly elapsed_ms: number;
  readonly tool_calls: number;
  readonly usd: number;
  /** Times that this very action (action.key) was let through in the run. */
  readonly repeats: number;
}

/** A kill switch that is on and concerns this call. */
export interface KillRead {
  /** "global", "tenant", "agent:NAME", "tool:NAME" or "writes". */
  readonly scope: string;
  /** The entry that switched it. */
  readonly id: string;
}

/** The newest request for an approval of this action with these arguments, and what became of it. */
export interface GrantRead {
  /** The `approval.request` entry. */
  readonly id: string;
  readonly status: 'pending' | 'granted' | 'denied' | 'expired' | 'used';
  readonly action_key: string;
  readonly args_hash?: string;
  /** Hash of the snapshot that asked for it. */
  readonly policy_hash: string;
  readonly approver?: string;
  readonly approved_at?: string;
  readonly expires_at: string;
}

/** Everything that was read for this one call besides the request and the policy. Recorded as `decision.inputs`. */
export interface DecisionInputs {
  /** RFC 3339 UTC, milliseconds. */
  readonly decided_at: string;
  readonly identity: Identity;
  /** Absent: nobody that is known stands behind the call. */
  readonly principal?: Principal;
  /** Resolved addresses of the target, once known; the address check is part of the allowlist layer. */
  readonly addresses?: readonly string[];
  /** Set when allow_observe is on in the machine's configuration. */
  readonly allow_observe?: boolean;
  /** By the names in the policy: a number, a boolean, or text of at most 64 bytes. One that is missing is absent. */
  readonly facts?: { readonly [name: string]: Json };
  /** Those that are on and concern this call. */
  readonly kill?: readonly KillRead[];
  /** By the key of `windowsOf` (windows.ts): every window that the policy asks for. */
  readonly windows?: { readonly [key: string]: WindowRead };
  /** Absent: the call belongs to no run. */
  readonly budget?: BudgetRead;
  readonly grant?: GrantRead;
}

export type Decide = (request: DecisionRequest, policy: PolicyInForce, inputs: DecisionInputs) => Decision;

export type { Decision, Json, JsonObject };
