/**
 * The vocabulary of a decision. `decide(request, policy, inputs)` is pure and total: the same three values give the
 * same decision for ever, so a recorded decision can be replayed from its snapshot and its inputs.
 */
import type { AlertPolicy } from '../alert/rule.ts';
import type { Decision, IdentityLevel, InjectionStyle, Target } from '../entry.ts';
import type { Json, JsonObject } from '../json.ts';

/** One line of the allowlist, compiled. Hosts are lower-case ASCII without a trailing dot. */
export interface AllowedHost {
  readonly host: string;
  /** Absent: the scheme's default port only. */
  readonly port?: number;
  /** Plain http is allowed towards this host. */
  readonly http?: boolean;
  /** This host may resolve to loopback, private or otherwise internal addresses. */
  readonly internal?: boolean;
}

export interface CredentialRule {
  /** Absent: any allowlisted host. */
  readonly hosts?: readonly string[];
  /** Absent: any caller. */
  readonly agents?: readonly string[];
  readonly styles?: readonly InjectionStyle[];
  /** Absent: every method. A method that is not named is a stop. */
  readonly methods?: { readonly [method: string]: 'allow' | 'stop' };
  readonly requires?: 'issued';
}

/**
 * The compiled policy document in force. It is plain JSON: its canonical bytes are the snapshot
 * (`policies/<sha256>.json`), and its hash is what `decision.snapshot.hash` names.
 */
export interface CompiledPolicy {
  readonly format: 1;
  readonly id: string;
  readonly version: string;
  /** SHA-256 of the source text, lower-case hex. */
  readonly source_hash: string;
  readonly mode: 'enforce' | 'observe';
  readonly identity: { readonly anonymous: 'allow' | 'stop'; readonly declared: 'allow' | 'stop' };
  readonly allowlist: readonly AllowedHost[];
  readonly credentials: { readonly [ref: string]: CredentialRule };
  readonly agents: { readonly [agentId: string]: { readonly requires?: 'issued' } };
  /** What the file says of alerts; absent when it says nothing, and the built-in rules are in force. */
  readonly alerts?: AlertPolicy;
  /** Set when the file could not be read or parsed: the snapshot then replays to the same stop. */
  readonly unreadable?: string;
}

/** A policy with its snapshot, ready to decide with. */
export interface PolicyInForce {
  readonly compiled: CompiledPolicy;
  /** Canonical bytes of `compiled`. */
  readonly snapshot: Uint8Array;
  /** SHA-256 of `snapshot`, lower-case hex. */
  readonly hash: string;
  /** Set when the policy file could not be read or parsed at start: every decision is then a stop. */
  readonly unreadable?: string;
}

/** Why a presented token was not good. These are reason codes. */
export type IdentityFailure =
  | 'identity_missing'
  | 'token_invalid'
  | 'token_expired'
  | 'token_revoked'
  | 'agent_workspace_mismatch'
  | 'agent_project_mismatch'
  | 'agent_environment_mismatch';

/** The result of checking whatever the caller presented, for this very call. */
export interface Identity {
  /** `issued` only when a live, unrevoked token was checked for this call. */
  readonly level: IdentityLevel;
  readonly agent_id?: string;
  readonly token_id?: string;
  readonly run_id?: string;
  /** What the token is bound to. A call whose claims are silent belongs to these. */
  readonly project_id?: string;
  readonly environment?: string;
  readonly failure?: IdentityFailure;
}

/** What somebody wants to do. */
export interface DecisionRequest {
  readonly tenant_id: string;
  readonly project_id?: string;
  readonly environment?: string;
  readonly run_id?: string;
  readonly action: { readonly name: string; readonly target?: Target };
  readonly credentials: readonly { readonly ref: string; readonly injection_style: InjectionStyle }[];
}

/** Everything that was read for this one call besides the request and the policy. Recorded as `decision.inputs`. */
export interface DecisionInputs {
  /** RFC 3339 UTC, milliseconds. */
  readonly decided_at: string;
  readonly identity: Identity;
  /** Resolved addresses of the target, once known; the address check is part of the allowlist layer. */
  readonly addresses?: readonly string[];
  /** Set when allow_observe is on in the machine's configuration. */
  readonly allow_observe?: boolean;
  readonly facts?: { readonly [name: string]: Json };
}

export type Decide = (request: DecisionRequest, policy: PolicyInForce, inputs: DecisionInputs) => Decision;

export type { Decision, Json, JsonObject };
