/** What is known of agents, tokens and runs. No secret is in it: of a token only the SHA-256 of its secret part. */
import type { Contract } from '../policy/compiled.ts';
import type { Hold } from '../retention/hold.ts';
import type { PruneNote } from '../retention/prune-entry.ts';
import type { TokenKind } from './token.ts';

/** What binds a token besides its agent. */
interface Scope {
  readonly project_id?: string;
  readonly environment?: string;
  /** RFC 3339. One that does not parse has expired. */
  readonly expires_at?: string;
}

export interface TokenRecord extends Scope {
  readonly token_id: string;
  readonly token_hash: string;
  readonly kind: TokenKind;
  readonly tenant_id: string;
  /** Absent only for the token of a run that names no agent. */
  readonly agent_id?: string;
  readonly run_id?: string;
  /** Of a run that somebody else than the operator started: its token proves the run and no name. */
  readonly started_by?: 'other';
  /** On whose behalf: a user or a service account. */
  readonly user_id?: string;
  /** What it passes on at most. Absent: everything that is above it. */
  readonly scopes?: readonly string[];
  readonly contract?: Contract;
  /** The token that it was derived from by whoever held it. */
  readonly parent?: string;
  /** Of a run: the token it was started with, or of the run it was started in. It has no more, and ends with it. */
  readonly under?: string;
  readonly label?: string;
  readonly issued_at: string;
  readonly revoked_at?: string;
}

export interface AgentRecord {
  readonly agent_id: string;
  readonly description?: string;
  /** Absent: the agent got a token and was never registered. */
  readonly registered_at?: string;
}

export interface RunRecord {
  readonly run_id: string;
  /** The process that started it, as it said itself. */
  readonly pid?: number;
  /** Where that process is, likewise. */
  readonly host?: string;
  /** A program began it by the SDK, and holds it. */
  readonly by?: 'sdk';
  /** It ended because its program was gone; what the program itself still says of it wins. */
  readonly gone?: true;
  readonly token_id?: string;
  readonly ended_at?: string;
}

export interface RegistryState {
  /** Entries of the log that this reflects: indices 0 to size - 1. */
  size: number;
  readonly agents: Map<string, AgentRecord>;
  readonly tokens: Map<string, TokenRecord>;
  readonly runs: Map<string, RunRecord>;
  /** Ended runs, oldest first. */
  readonly ended: string[];
  /** When a token was last good for a call, milliseconds. No entry says it: it is lost with the saved state. */
  readonly used: Map<string, number>;
  /** Those that stand, by their id. */
  readonly holds: Map<string, Hold>;
  /** What the log says of its prunes, the newest last: of older ones nothing is needed. */
  readonly prunes: PruneNote[];
  /** Data keys that a `log.erase` names and whose files may still be there. */
  readonly erasing: Set<string>;
}
