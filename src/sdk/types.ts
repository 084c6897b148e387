/** What programs hand to the SDK and get from it. */
// reason for length: the public interface, read from top to bottom
import type { InjectionStyle, Tier } from '../core/entry.ts';
import type { CustomPattern } from '../core/redact/custom.ts';
import type { Contract, TransportKind } from './client.ts';

export type FailureMode = 'closed' | 'open';

/** Names and patterns that are redacted beside the built-in ones. */
export interface RedactionPack {
  /** Names of members whose values are redacted. */
  readonly names?: readonly string[];
  readonly patterns?: readonly CustomPattern[];
}

export interface TallyOptions {
  /** Of every run that names no other. A name that is no id becomes one: "Refund Agent" is `Refund-Agent` on record. */
  readonly agent?: string;
  readonly agentVersion?: string;
  readonly project?: string;
  readonly environment?: string;
  /** An agent token (`agt_…`): proves the name. Else TALLY_AGENT_TOKEN. */
  readonly token?: string;
  /** Else TALLY_TRANSPORT, else HTTP when TALLY_URL is set, else the recorder that runs, else embedded. */
  readonly transport?: TransportKind | 'auto';
  /** Of the HTTP API: `http://127.0.0.1:7700`. Else TALLY_URL. */
  readonly url?: string;
  /** Where the log is, in place of TALLY_HOME. */
  readonly home?: string;
  /** What is redacted before anything leaves this program, beside what the recorder redacts anyway. */
  readonly redact?: readonly RedactionPack[];
  /** Told of everything that could not be recorded as it was. Else a warning of the process. */
  readonly onWarning?: (line: string) => void;
  /** False: signals, uncaught errors and the end of the process are the program's own to handle. */
  readonly handleExit?: boolean;
}

type Free = Readonly<Record<string, unknown>>;

export interface RunOptions {
  readonly agent?: string;
  readonly workflow?: string;
  readonly session?: string;
  /** What it is for. */
  readonly reason?: string;
  readonly metadata?: Free;
  readonly risk?: Free;
  /** Whose run it is; the operator may say it. */
  readonly user?: string;
  /** Narrower than what the run would have. */
  readonly scopes?: readonly string[];
  readonly contract?: Contract;
  /** Aborts the run: what is under way ends as aborted. */
  readonly signal?: AbortSignal;
}

/** What every event may say besides its own. */
export interface Common {
  readonly metadata?: Free;
  readonly risk?: Free;
  readonly reason?: string;
  /** An event of this run, or the id of an entry. Absent: the action it happens in, else the start of the run. */
  readonly parent?: Noted | string;
  /** Whose data it is: what belongs to one subject can be erased together. */
  readonly subject?: string;
}

/** An entry that is durable. */
export interface Receipt {
  readonly id: string;
  readonly stepId: string;
}

/**
 * An event on its way. Awaited, it is durable, or the failure mode decides: closed rejects, open resolves to undefined.
 * Not awaited, it costs nothing and fails silently for its caller; what is lost is counted and said.
 */
export interface Noted extends Promise<Receipt | undefined> {
  /** Of the entry. */
  readonly id: string;
  readonly stepId: string;
}

export interface Usage {
  readonly inputTokens?: number;
  readonly outputTokens?: number;
  readonly costUsd?: number;
}

export interface ModelCall extends Common {
  readonly provider?: string;
  readonly model: string;
  /** Messages, a prompt: kept as the machine says (redacted and bounded where it is silent). */
  readonly input?: unknown;
  readonly params?: Free;
}

export interface Ended extends Omit<Common, 'parent' | 'reason'> {
  /** What came of it. */
  readonly output?: unknown;
  readonly error?: unknown;
  /** `blocked`: somebody kept it from being done. */
  readonly status?: 'ok' | 'error' | 'timeout' | 'aborted' | 'blocked' | 'unknown';
  readonly usage?: Usage;
  /** Else it is counted from the event that began it. */
  readonly durationMs?: number;
}

export interface ToolCall extends Common {
  readonly name: string;
  readonly version?: string;
  readonly server?: string;
  readonly args?: unknown;
}

export interface RetrievalQuery extends Common {
  /** An index, a collection, a site. */
  readonly source: string;
  readonly query?: unknown;
}

export interface PolicyCheck extends Common {
  readonly name: string;
  readonly result: 'pass' | 'fail' | 'skip';
  readonly details?: unknown;
}

export interface HumanApproval extends Common {
  readonly what: string;
  readonly approved: boolean;
  readonly by?: string;
}

export interface AgentDecision extends Common {
  readonly what: string;
  readonly chosen?: unknown;
  readonly why?: string;
}

export type ActKind = 'tool' | 'model' | 'retrieval' | 'custom';

export interface Action extends Omit<Common, 'parent'> {
  /** What the policy calls it, e.g. `refund.create`. */
  readonly name: string;
  /** `tool` where it is absent. */
  readonly kind?: ActKind;
  /** Everything that it does, in one value: hashed before redaction; an approval binds to it. */
  readonly args?: unknown;
  readonly tool?: { readonly name: string; readonly version?: string; readonly server?: string };
  readonly target?: {
    readonly scheme?: 'https' | 'http';
    readonly host: string;
    readonly port?: number;
    readonly path?: string;
    readonly method?: string;
  };
  readonly tier?: Tier;
  readonly capability?: string;
  readonly credentials?: readonly { readonly ref: string; readonly injection_style: InjectionStyle }[];
  /** Longest wait for a person. Absent: as long as the policy holds a caller. 0: not at all. */
  readonly approvalTimeoutMs?: number;
  readonly signal?: AbortSignal;
  /** What it cost, from what it gave. */
  readonly usage?: (result: unknown) => Usage | undefined;
  /** False: neither arguments nor result are kept as payloads. */
  readonly payloads?: boolean;
}

export interface Acting {
  /** The entry of the decision, and pre_exec. */
  readonly id: string;
  readonly stepId: string;
  /** Aborted with the action or its run; with a `StoppedError` when a kill switch was thrown that concerns it. */
  readonly signal: AbortSignal;
}

export interface DelegateOptions extends Omit<RunOptions, 'user' | 'signal' | 'agent'> {
  readonly agent: string;
  readonly expiresInSeconds?: number;
  readonly label?: string;
}

/** A token for an agent in another process: hand it over as TALLY_AGENT_TOKEN. */
export interface DelegatedToken {
  readonly token: string;
  readonly tokenId: string | undefined;
  readonly chain: readonly string[];
  readonly expiresAt: string | undefined;
}

export interface GuardOptions<A extends readonly unknown[] = readonly unknown[]>
  extends Omit<Action, 'name' | 'args' | 'signal' | 'usage'> {
  readonly name?: string;
  /** What of the arguments the action is. Absent: all of them up to `contextAt`; one stands for itself, more are a list. */
  readonly args?: (...given: A) => unknown;
  /**
   * From which argument on they are what a framework adds (an id, a signal, the messages so far), and no part of what is
   * done: 1 for `execute(input, options)` of the AI SDK. They are neither hashed nor approved. Absent: none is.
   */
  readonly contextAt?: number;
}

export interface Run {
  readonly id: string;
  readonly agent: string | undefined;
  /** Agents that passed the task on, the first one first. */
  readonly delegationChain: readonly string[];
  /** Aborted when the run is; with a `StoppedError` when a kill switch was thrown that concerns all of it. */
  readonly signal: AbortSignal;
  userMessage(content: unknown, about?: Common): Noted;
  systemInstruction(content: unknown, about?: Common): Noted;
  note(content: unknown, about?: Common): Noted;
  modelCall(call: ModelCall): Noted;
  modelResponse(call: Noted | string, ended?: Ended): Noted;
  toolCall(call: ToolCall): Noted;
  toolResult(call: Noted | string, ended?: Ended): Noted;
  retrievalQuery(query: RetrievalQuery): Noted;
  retrievalResult(query: Noted | string, ended?: Ended): Noted;
  policyCheck(check: PolicyCheck): Noted;
  humanApproval(approval: HumanApproval): Noted;
  decision(decision: AgentDecision): Noted;
  error(error: unknown, about?: Common): Noted;
  custom(name: string, data?: unknown, about?: Common): Noted;
  /**
   * Decides, records the pre_exec durably, does it, records how it ended. Throws `StoppedError` and
   * `ApprovalPendingError` before anything is done; what `fn` throws is thrown on as it is, and what it gives is given.
   */
  act<T>(action: Action | string, fn: (acting: Acting) => T | PromiseLike<T>): Promise<T>;
  /** A run of another agent in this one, with a token that has no more than this run's. */
  delegate<T>(options: DelegateOptions, fn: (run: Run) => T | PromiseLike<T>): Promise<T>;
  /** The token alone. */
  delegateToken(options: DelegateOptions): Promise<DelegatedToken>;
  /**
   * Resolves at once while less than half of the buffer is taken, else when it is so again. A program that tells more
   * than the recorder takes awaits it between its events, and loses none. While nothing can be recorded, the failure mode
   * decides after some seconds: closed rejects, open resolves.
   */
  room(): Promise<void>;
  /** Resolves when everything recorded so far is durable, or known to be lost. */
  flush(): Promise<void>;
}

export type GuardedTool<A extends readonly unknown[], R> = (...args: A) => Promise<Awaited<R>>;

export interface Tally {
  /** Starts a run, records it, and ends it however `fn` ends. What `fn` gives or throws goes to the caller. */
  run<T>(options: RunOptions, fn: (run: Run) => T | PromiseLike<T>): Promise<T>;
  run<T>(fn: (run: Run) => T | PromiseLike<T>): Promise<T>;
  /** The run that this code runs in. */
  current(): Run | undefined;
  /**
   * A function, or an object with `execute`, whose calls are decided and recorded. Guarded already, it is given back. An
   * async generator function gives its generator at once, and is decided when the first piece is asked for.
   */
  guardTool<A extends readonly unknown[], Y, R, N>(
    tool: (...args: A) => AsyncGenerator<Y, R, N>,
    options?: GuardOptions<A>,
  ): (...args: A) => AsyncGenerator<Y, R, N>;
  guardTool<A extends readonly unknown[], R>(
    tool: (...args: A) => R,
    options?: GuardOptions<A>,
  ): (...args: A) => Promise<Awaited<R>>;
  guardTool<T extends { readonly execute?: unknown }>(tool: T, options?: GuardOptions): T;
  /** From now on this value is redacted before anything leaves this program. False: too short to be searched for. */
  protect(name: string, value: string): boolean;
  /** How the recorder is reached; undefined before it was. */
  readonly transport: TransportKind | undefined;
  flush(): Promise<void>;
  /** Ends what is open as aborted, and gives everything back. */
  close(): Promise<void>;
}
