/** What is asked of the recorder for one call of a tool, and what came of it. */
import type { CredentialUse, Outcome, PayloadData, Target, Tier } from '../../core/entry.ts';
import type { TraceContext } from '../../core/trace-context.ts';

export interface Asked {
  /** As the policy calls it: `mcp.SERVER.TOOL`. */
  readonly name: string;
  readonly server: string;
  /** As the server calls it. */
  readonly tool: string;
  /** The server's version, as it said. */
  readonly version?: string;
  readonly args: unknown;
  /** Not all of the arguments could be taken: rules and approvals that need them stop the call. */
  readonly partial?: true;
  readonly tier?: Tier;
  readonly session?: string;
  readonly target?: Target;
  readonly credentials?: readonly CredentialUse[];
  readonly trace?: TraceContext;
  readonly metadata?: Record<string, unknown>;
}

/** Why a call did not reach the server. */
export interface Refusal {
  /** `unrecorded`: it could not be recorded, so it may not start. */
  readonly kind: 'stop' | 'approval' | 'unrecorded';
  readonly reason: string;
  readonly message: string;
  readonly layer?: string;
  readonly rule?: string;
  /** The entry that holds the decision. */
  readonly entry?: string;
  readonly retry_after_ms?: number;
  readonly approval?: { readonly id: string; readonly expires_at: string };
  readonly hint?: string;
}

export type Verdict =
  /** `entry`: its pre_exec, durable. Absent where the machine lets it go on without a record. */
  | { readonly go: true; readonly entry?: string }
  | { readonly go: false; readonly refusal: Refusal }
  /** A person is asked. What comes of it, or of the policy's patience. */
  | { readonly go: false; readonly held: Promise<Verdict> };

export interface Ended {
  readonly outcome: Outcome;
  readonly metadata?: Record<string, unknown>;
  readonly payload?: PayloadData;
}
