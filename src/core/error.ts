/**
 * Operational failures. Every failure a user can meet has a stable `code`, a message that says what happened and
 * why, and a `hint` that says how to mend it. Answers (a verdict, a decision) are values, never errors; bugs are
 * `invariant()`.
 *
 * Codes are part of the public interface: add, never rename.
 */
export const ERROR_CODES = {
  // input
  USAGE: { exit: 2 },
  BAD_EVENT: { exit: 2 },
  BAD_CONFIG: { exit: 2 },
  POLICY_INVALID: { exit: 2 },
  ENTRY_TOO_LARGE: { exit: 2 },
  NOT_FOUND: { exit: 3 },
  // bytes that do not decode
  NOTE_MALFORMED: { exit: 6 },
  NOTE_UNVERIFIED: { exit: 6 },
  CHECKPOINT_MALFORMED: { exit: 6 },
  PROOF_INVALID: { exit: 6 },
  KEY_MALFORMED: { exit: 2 },
  /** Another key is trusted for this log already: somebody may be passing off their own. */
  KEY_CONFLICT: { exit: 6 },
  NOT_CANONICAL: { exit: 6 },
  // the log
  LOG_DAMAGED: { exit: 6 },
  LOG_ROLLED_BACK: { exit: 6 },
  /** Something of the log, or of what is remembered of it, cannot be read: nothing is known, neither good nor bad. */
  LOG_UNREADABLE: { exit: 2 },
  LOG_READ_ONLY: { exit: 8 },
  LOG_WRITE_FAILED: { exit: 8 },
  LOG_FULL: { exit: 8 },
  LOG_CLOSED: { exit: 8 },
  LOG_LOCKED: { exit: 8 },
  LOG_MISSING: { exit: 3 },
  RECORDER_UNAVAILABLE: { exit: 8 },
  // the outside
  /** An anchor or a witness is down, slow, or refused. It never stops recording. */
  ANCHOR_FAILED: { exit: 1 },
  /** An anchor or a witness has seen a longer log, or another one: rolled back, forked, or it lies. */
  ANCHOR_CONFLICT: { exit: 6 },
  /** A message did not reach its destination. It is tried again, and listed until it did. */
  DELIVERY_FAILED: { exit: 1 },
  /** Our own witness cannot tell what it cosigned last, so it must not cosign again. */
  WITNESS_DAMAGED: { exit: 6 },
  // who may
  OPERATOR_REQUIRED: { exit: 4 },
  STOPPED: { exit: 4 },
  /** A person has to say yes first. */
  APPROVAL_PENDING: { exit: 5 },
  /** What was to be done belongs to a run that is over. */
  RUN_ENDED: { exit: 1 },
  /** A legal hold stands on what was to be pruned or erased. */
  HELD: { exit: 4 },
  TOKEN_INVALID: { exit: 4 },
  // credentials
  SECRET_NOT_FOUND: { exit: 3 },
  VAULT_UNREADABLE: { exit: 1 },
  VAULT_WRITE_FAILED: { exit: 1 },
  /** A passphrase or a keyring stands before the vault, and this process has no way past it. */
  VAULT_LOCKED: { exit: 1 },
  /** The local authority that signs for intercepted hosts cannot be read, stored or trusted. */
  CA_UNREADABLE: { exit: 1 },
  /** A place that keeps secrets did not answer as one should; `details.kind` says how. */
  PROVIDER_FAILED: { exit: 1 },
  /** `secretspec.toml` does not say what it should; `details` has the file, line and column. */
  MANIFEST_INVALID: { exit: 2 },
  // the rest
  /** A call that was allowed and did not succeed: the upstream, the way to it, or the broker. */
  CALL_FAILED: { exit: 1 },
  ADDRESS_IN_USE: { exit: 1 },
  /** Ctrl-C, before the work was done. */
  INTERRUPTED: { exit: 1 },
  INTERNAL: { exit: 1 },
} as const;

export type ErrorCode = keyof typeof ERROR_CODES;

export class TallyError extends Error {
  override readonly name: string = 'TallyError';
  readonly code: ErrorCode;
  /** How to mend it: a command where there is one. */
  readonly hint: string | undefined;
  /** Machine-readable particulars (an index, a path); never a secret value. */
  readonly details: Readonly<Record<string, string | number | boolean>> | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: {
      hint?: string;
      details?: Readonly<Record<string, string | number | boolean>>;
      cause?: unknown;
    } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
    this.details = options.details;
  }

  get exitCode(): number {
    return ERROR_CODES[this.code].exit;
  }

  toJSON(): { code: ErrorCode; message: string; hint?: string; details?: Readonly<Record<string, unknown>> } {
    return {
      code: this.code,
      message: this.message,
      ...(this.hint === undefined ? {} : { hint: this.hint }),
      ...(this.details === undefined ? {} : { details: this.details }),
    };
  }
}

/** A broken promise of our own code. Never thrown for anything a user, a file or a peer can cause. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`invariant broken: ${message}`);
}

export function isTallyError(error: unknown): error is TallyError {
  return error instanceof TallyError;
}

/** For what may be anything that was thrown: as it is, or as the bug that it then is. */
export function asTallyError(error: unknown): TallyError {
  if (error instanceof TallyError) return error;
  return new TallyError('INTERNAL', wordsOf(error), { cause: error });
}

/** What was thrown says of itself. */
export const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
