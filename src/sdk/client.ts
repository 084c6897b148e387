/** What the SDK asks of a recorder, however it is reached: over its socket, over HTTP, or in this process. */
import type { Event, Outcome, PayloadData } from '../core/entry.ts';
import type { BatchResult } from '../recorder/act-ops.ts';
import type { ApprovalState } from '../recorder/api.ts';
import type { Gap } from '../recorder/gap-ops.ts';
import type { OpParams, OpResults } from '../recorder/ops.ts';
import type { Killed } from '../recorder/told.ts';

export type TransportKind = 'socket' | 'http' | 'embedded';

/** A run that is on record. */
export interface StartedRun {
  readonly run_id: string;
  /** Proves the run, where the recorder started it; over HTTP a run is what its program calls one. */
  readonly token?: string;
  /** The entry of its start; '' where there is none. */
  readonly id: string;
  /** Who acts in it, where no token says so. */
  readonly actor?: { readonly agent_id?: string; readonly delegation_chain?: string[] };
}

export interface RunStart {
  readonly agent_id?: string;
  readonly agent_token?: string;
  readonly reason?: string;
  readonly command?: string;
  readonly project_id?: string;
  readonly environment?: string;
  readonly session_id?: string;
  readonly user_id?: string;
  readonly scopes?: string[];
  readonly contract?: Contract;
  readonly workflow?: string;
  readonly metadata?: Record<string, unknown>;
  readonly risk?: Record<string, unknown>;
  /** The run that it is started in, and the agents that passed its task on. */
  readonly within?: StartedRun & { readonly chain: readonly string[] };
}

export type Contract = NonNullable<OpParams<'run.start'>['contract']>;
export type ActBegin = Omit<OpParams<'act.begin'>, 'run_token'>;
export type Begun = Omit<OpResults['act.begin'], 'index' | 'ts'>;

export interface ActEnd {
  /** Of the pre_exec, and of this end. */
  readonly id: string;
  readonly end_id: string;
  readonly outcome: Outcome;
  readonly metadata?: Record<string, unknown>;
  readonly payload?: PayloadData;
}

export interface Delegation {
  readonly agent_id: string;
  readonly label?: string;
  readonly expires_in_s?: number;
  readonly scopes?: string[];
  readonly contract?: Contract;
}

export interface Delegated {
  readonly token?: string;
  readonly token_id?: string;
  readonly chain: readonly string[];
  readonly expires_at?: string;
}

/** Every method throws `TallyError`; `RECORDER_UNAVAILABLE` and LOG_… where nothing could be recorded. */
export interface RecorderClient {
  readonly kind: TransportKind;
  startRun(start: RunStart): Promise<StartedRun>;
  /** Twice is the same as once. */
  endRun(run: StartedRun, endId: string, outcome: Outcome): Promise<void>;
  /** In their order. Every event has an id: sent again, it is recorded once. */
  record(run: StartedRun, events: readonly Event[]): Promise<readonly BatchResult[]>;
  /** Durable when it resolves. Asked again for the same step, the first one is given up and it is decided anew. */
  begin(run: StartedRun, action: ActBegin): Promise<Begun>;
  /** Twice is the same as once. */
  end(run: StartedRun, ended: ActEnd): Promise<void>;
  /** Answers when it is settled, or after `ms`, which is at most `LIMITS.sdkApprovalPollMs`. */
  approval(run: StartedRun, id: string, ms: number): Promise<ApprovalState>;
  delegate(run: StartedRun, chain: readonly string[], wanted: Delegation): Promise<Delegated>;
  gap(gap: Gap): Promise<void>;
  /**
   * In the last moment of the process, where nothing can be waited for: hands over what is left and how the run ended.
   * `ended`: its end is on the way; `all`: so is everything else. Nobody will tell whether it came.
   */
  lastWords(
    run: StartedRun,
    events: readonly Event[],
    ends: readonly ActEnd[],
    outcome: Outcome,
  ): { readonly ended: boolean; readonly all: boolean };
  /** After the last words of all runs: where the log is in this process, it is closed. */
  lastClose(reason: string): void;
  /** Of kill switches that concern runs of this client, as far as its way to the recorder can tell. For one listener. */
  onKilled(listener: (killed: Killed) => void): void;
  /** Gives back what is held while no run is open; the next request takes it anew. */
  rest(): Promise<void>;
}
