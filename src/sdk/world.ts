/** What the SDK is handed of the world: nothing in this folder reads a clock, an environment or randomness by itself. */
import type { Target } from '../core/entry.ts';
import type { FailureMode } from './types.ts';

export interface Lost {
  /** What it was: types of events, names of actions. */
  readonly what: string;
  readonly why: string;
  readonly count: number;
}

export interface World {
  now(): number;
  /** `log_` and a ULID. */
  entryId(): string;
  /** Names of runs that no recorder starts. */
  runId(): string;
  /** Of the machine's configuration; closed where it cannot be read. */
  failureMode(): Promise<FailureMode>;
  /**
   * Decides by the policy as its files can be read, and remembers what goes on without a record. Undefined where that
   * cannot be done: then nothing goes on.
   */
  ungoverned(): Promise<Ungoverned | undefined>;
  /** Leaves word beside the log of what will never be in it. False when there is no place for it. */
  remember(lost: Lost): boolean;
  /** To whoever runs the program, where `onWarning` is not given. */
  warn(line: string): void;
}

export interface Ungoverned {
  decide(action: {
    readonly name: string;
    readonly tool?: { readonly name: string } | undefined;
    readonly target?: Target | undefined;
    readonly tier?: string | undefined;
    readonly capability?: string | undefined;
    readonly args?: unknown;
    readonly agent_id?: string;
    readonly run_token?: string;
  }): Promise<{
    readonly proceed: boolean;
    readonly outcome: string;
    readonly reason?: string;
    readonly message?: string;
    readonly rule?: string;
    readonly layer?: string;
  }>;
}
