/**
 * What the recorder offers to capture surfaces. Two implementations: the writer itself (`recorder.ts`), and, in
 * another process, a client that hands its requests to the writer through a Unix socket and gets the same durable
 * acknowledgement.
 */
import type { Assurance, Event, Surface } from '../core/entry.ts';
import type { PolicyInForce } from '../core/policy/compiled.ts';
import type { Decision, DecisionRequest, Identity } from '../core/policy/types.ts';

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
   */
  record(event: Event, producer: Producer): Promise<Receipt>;
}

/** Credentials a caller presented, before they are checked. Token values live only here and in the check. */
export interface Claims {
  readonly agent_id?: string;
  readonly agent_token?: string;
  readonly run_token?: string;
  readonly project_id?: string;
  readonly environment?: string;
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
  /**
   * Decides with the policy in force, the clock and the given identity. Pure apart from reading those; the result goes
   * into the pre_exec (or blocked) event unchanged. `addresses`: resolved addresses, once known.
   */
  decide(
    request: DecisionRequest,
    read: { readonly identity: Identity; readonly addresses?: readonly string[] },
  ): Decision;
  /** Exact values that must never reach an entry, with the name that replaces them ("[REDACTED:NAME]"). */
  readonly secrets: { set(name: string, value: string): void; delete(name: string): void };
  /** Milliseconds since the epoch: surfaces take time from the recorder, so tests can fix it. */
  now(): number;
}
