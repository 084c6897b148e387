/**
 * The compiled policy: what `decide` evaluates, and what a snapshot holds. Plain JSON, so that the same file gives the
 * same bytes and the same hash. What a file does not say is absent here.
 */
import type { AlertPolicy } from '../alert/rule.ts';
import type { DecisionOutcome, InjectionStyle, Tier } from '../entry.ts';

/** At most `count` calls in any stretch of `window_ms` ("60/m"). */
export interface Rate {
  readonly count: number;
  readonly window_ms: number;
}

/** What is said of calls of one tier. */
export interface TierRule {
  readonly permission?: DecisionOutcome;
  readonly rate?: Rate;
}
export type TierRules = { readonly [tier in Tier]?: TierRule };

/** One line of the allowlist, compiled. Hosts are lower-case ASCII without a trailing dot. */
export interface AllowedHost {
  /** "*.example.com" stands for every name below example.com, not for itself. */
  readonly host: string;
  /** Upper case. Absent: every method. */
  readonly methods?: readonly string[];
  /** Patterns of paths: "*" within a segment, "**" across. Absent: every path. */
  readonly paths?: readonly string[];
  readonly projects?: readonly string[];
  readonly environments?: readonly string[];
  /** Absent: the scheme's default port only. */
  readonly port?: number;
  /** Plain http is allowed towards this host. */
  readonly http?: boolean;
  /** This host may resolve to loopback, private or otherwise internal addresses. */
  readonly internal?: boolean;
  /** What of a call has to be durable before it goes on (durability.ts). Absent: its intent. */
  readonly durability?: 'reply' | 'async';
  /** File of PEM certificates that this host alone may be signed by besides the usual ones, as the policy names it. */
  readonly ca?: string;
}

/** A host to which a program's own TLS passes unread. */
export interface TunnelHost {
  /** As in the allowlist. */
  readonly host: string;
  /** Absent: 443. */
  readonly port?: number;
  readonly internal?: boolean;
}

export interface CredentialRule {
  /** Absent: any allowlisted host. */
  readonly hosts?: readonly string[];
  /** Absent: any caller. */
  readonly agents?: readonly string[];
  readonly styles?: readonly InjectionStyle[];
  /** Absent: every method. A method that is not named is a stop. */
  readonly methods?: { readonly [method: string]: DecisionOutcome };
  readonly requires?: 'issued';
}

/** What an agent may use at most. `deny` wins; an absent list bounds nothing. Names may end in "*". */
export interface Contract {
  readonly credentials?: { readonly allow?: readonly string[]; readonly deny?: readonly string[] };
  readonly tools?: readonly string[];
  readonly hosts?: readonly string[];
}

export interface AgentRule extends Contract {
  readonly requires?: 'issued';
}

/** Roles with everything that they inherit worked in. */
export interface RoleRule {
  readonly scopes: readonly string[];
}

export interface UserRule {
  readonly email?: string;
  /** Names of `roles`, or the built-in ones. */
  readonly roles: readonly string[];
  /** Not a person: role `service`. */
  readonly service?: boolean;
  readonly scopes?: readonly string[];
  readonly projects?: readonly string[];
  readonly environments?: readonly string[];
  readonly tiers?: TierRules;
  readonly tools?: { readonly [tool: string]: TierRules };
}

export interface ToolRule {
  readonly required_scopes?: readonly string[];
  /** One of these roles, besides the scopes. */
  readonly roles?: readonly string[];
  readonly sensitivity?: 'low' | 'medium' | 'high';
  /** Whether it changes anything: the kill switch for writes. Absent: it does. */
  readonly writes?: boolean;
  /** The caller has to state a purpose. */
  readonly reason?: 'required';
  readonly tiers?: TierRules;
}

export interface Rule {
  readonly id: string;
  /** CEL over `action`, `actor` and `facts`; checked and bounded when the file was compiled. */
  readonly when: string;
  readonly decision: DecisionOutcome;
  /** The author's own code, or one of REASONS. */
  readonly reason?: string;
  /** "role:admin" or "user:u_17". */
  readonly approvers?: readonly string[];
  readonly ttl_ms?: number;
}

export interface Limits {
  readonly per_user?: Rate;
  readonly per_agent?: Rate;
  readonly per_tenant?: Rate;
  readonly global?: Rate;
  /** Calls of one user in any one second. */
  readonly burst?: number;
}

/** Per run. */
export interface Budgets {
  readonly max_steps?: number;
  readonly max_seconds?: number;
  readonly max_tool_calls?: number;
  readonly max_usd?: number;
  /** How often one action (action.key) may be done in a run. */
  readonly max_repeat_action?: number;
}

export interface Approvals {
  readonly ttl_ms: number;
  readonly hold_ms: number;
  readonly approver_may_be_requester: boolean;
  /** Who approves where no rule says it. */
  readonly approvers?: readonly string[];
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
  /** What becomes of a CONNECT to a host that nothing names. Absent: it is stopped. */
  readonly unlisted?: 'tunnel';
  readonly tunnel?: readonly TunnelHost[];
  readonly credentials: { readonly [ref: string]: CredentialRule };
  readonly agents: { readonly [agentId: string]: AgentRule };
  /** What the following say is absent where the file says nothing of it; nothing is then bounded by it. */
  readonly roles?: { readonly [role: string]: RoleRule };
  readonly users?: { readonly [userId: string]: UserRule };
  readonly tools?: { readonly [tool: string]: ToolRule };
  readonly defaults?: TierRules;
  /** Name of a fact → path into the arguments, its steps apart. */
  readonly facts?: { readonly [name: string]: readonly string[] };
  readonly rules?: readonly Rule[];
  readonly limits?: Limits;
  readonly budgets?: Budgets;
  readonly approvals?: Approvals;
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
