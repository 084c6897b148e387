/**
 * What the recorder offers to capture surfaces. Two implementations: the writer itself (`open.ts`), and, in
 * another process, a client that hands its requests to the writer through a Unix socket and gets the same durable
 * acknowledgement.
 */
import type { Assurance, Event, PayloadData, Surface } from '../core/entry.ts';
import type { PolicyInForce } from '../core/policy/compiled.ts';
import type { Durability } from '../core/policy/durability.ts';
import type { Decision, DecisionRequest, GrantRead, Identity, Principal } from '../core/policy/types.ts';

/** Who speaks: set by our own code, never taken from a client. */
export interface Producer {
  readonly surface: Surface;
  readonly assurance: Assurance;
  /** It tells of what another program recorded: nothing begins or ends here by it. */
  readonly imported?: true;
}

/** An entry that is durable. */
export interface Receipt {
  readonly id: string;
  readonly index: number;
  readonly ts: string;
}

/** Where an event came from decides what it may claim; how it is recorded is the same for all. */
export interface Recording {
  /**
   * Validates, hashes the arguments, redacts, sequences and appends one event.
   *
   * Order: entries get their index in the order of the calls; an event with a payload gets it when the key of the payload
   * is ready, so whoever needs an order there awaits the call before. Durability: resolves after fdatasync of the entry, and
   * of everything sequenced before it. Errors: `BAD_EVENT` and `ENTRY_TOO_LARGE` before an index is given (nothing is
   * written); `LOG_WRITE_FAILED`, `LOG_FULL` when the disk refused (the writer is then dead: reopen); `LOG_CLOSED`.
   * A repeated `event.id` gives the receipt of the entry that already has it.
   *
   * `placed` is called when the entry has its place, for an event without an id and a payload mostly before this returns:
   * from then on only a failure of the log can lose it. `unawaited`: nothing waits for the answer, so it may come some
   * LIMITS.unawaitedMs later.
   */
  record(
    event: Event,
    producer: Producer,
    how?: { readonly placed?: (() => void) | undefined; readonly unawaited?: boolean },
  ): Promise<Receipt>;
}

/** Credentials a caller presented, before they are checked. Token values live only here and in the check. */
export interface Claims {
  readonly agent_id?: string;
  readonly agent_token?: string;
  readonly run_token?: string;
  readonly project_id?: string;
  readonly environment?: string;
}

/** What is to be decided, and what it is decided from. */
export interface Ask {
  /** `action.key` and `action.args_hash` are filled in from `args`; what they say here is dropped. */
  readonly request: DecisionRequest;
  readonly identity: Identity;
  /** Resolved addresses, once known. */
  readonly addresses?: readonly string[];
  /** What `args_hash` covers. Absent: the action has no arguments. */
  readonly args?: unknown;
  /** Appended to `args_hash_alg`: what the hash does not cover. */
  readonly args_note?: string;
  /** What the policy's facts are read from; a function is called only when there are any. Absent: `args`. */
  readonly facts_from?: unknown;
  /** What a person who is asked for an approval gets to see, redacted; or what makes it then. Absent: `facts_from`. */
  readonly shown?: unknown;
  /** Of the event that will be built, and its type: keys are made before the turn begins. */
  readonly payload?: { readonly type: string; readonly data: PayloadData };
  /** Whoever asks can go on before the entry is durable, where the policy lets it. */
  readonly mayGoOn?: true;
}

export type ApprovalState = GrantRead['status'];

/** What was decided, and the entry that holds it. */
export interface Acted {
  readonly decision: Decision;
  readonly receipt: Receipt;
  /** Of one that asked with `mayGoOn`: the policy lets it, and the entry is not durable yet. Never rejects late. */
  readonly durability?: Exclude<Durability, 'intent'>;
  /** With `durability`: settles as `act` would have. */
  readonly durable?: Promise<void>;
  /** With `approval_required`: where a person is asked. Absent when too many wait already. */
  readonly approval?: { readonly id: string; readonly expires_at: string };
}

/** The writer, in its own process. */
export interface Recorder extends Recording {
  readonly tenant: string;
  readonly origin: string;
  readonly recorderId: string;
  /** The policy in force now. The next call sees a change. */
  policy(): PolicyInForce;
  /** Checks tokens against the registry, for this call. Never throws; a bad token is a failure in the answer. */
  identify(claims: Claims): Identity;
  /** Who stands behind a call with this identity, by the policy in force. Undefined: nobody that is known. */
  principal(identity: Identity): Principal | undefined;
  /** The process that started a run, as it said itself. Undefined: it said nothing, or the run is not known. */
  runPid(runId: string): number | undefined;
  /**
   * Says how `act` would decide now, without recording it: nothing is counted or used by it. `addresses`: resolved
   * addresses, once known.
   */
  decide(request: DecisionRequest, read: Omit<Ask, 'request'>): Decision;
  /**
   * Decides and records in one turn: between reading counters, budgets and grants and the entry's place in the log
   * nothing else gets a place, so two calls cannot use one grant or the last place of a window.
   *
   * `event` makes the entry out of the decision; it is called once, in the turn, and must not wait. Its `decision`, and of
   * its action what was decided on, are those of the turn. A call that uses an approval names the request for it as its
   * parent. Where an approval is wanted, the request for it follows in the same turn, unless one of the same caller for
   * the same action, arguments and policy waits already.
   *
   * Durability and errors: as `record`, but for a call that may go on before (`mayGoOn`): then `act` resolves when the
   * entry has its place, and `durable` tells the rest. `BAD_EVENT` also for an event with an id or a payload of its own. Facts and
   * hashes cost one pass over the arguments, before the turn.
   */
  act(
    ask: Ask,
    event: (decision: Decision, request: DecisionRequest) => Event,
    producer: Producer,
  ): Promise<Acted>;
  /**
   * Resolves when a request for approval is settled and that is durable, or after `ms` with what it is then. Undefined:
   * nobody asked for it.
   */
  waitForApproval(id: string, ms: number, signal?: AbortSignal): Promise<ApprovalState | undefined>;
  /**
   * `listener` is told the scope of each kill switch that is thrown, once it is on record, and answers how many calls it
   * ended. Returns what takes it away again.
   */
  onKill(listener: (scope: string) => number): () => void;
  /**
   * `listener` is told when another policy is in force, and when tokens have been revoked or runs have ended: what was let
   * in before may not be let in now. Returns what takes it away again.
   */
  onChange(listener: (what: 'policy' | 'tokens') => void): () => void;
  /** Exact values that must never reach an entry, with the name that replaces them ("[REDACTED:NAME]"). */
  readonly secrets: { set(name: string, value: string): void; delete(name: string): void };
  /** Milliseconds since the epoch: surfaces take time from the recorder, so tests can fix it. */
  now(): number;
}
