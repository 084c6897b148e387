/** What the SDK throws where an action may not go on. `code` is the same in every copy of the SDK; classes are not. */
import { TallyError } from '../core/error.ts';

interface About {
  readonly decisionId: string;
  readonly reason: string | undefined;
  readonly rule?: string | undefined;
  readonly layer?: string | undefined;
}

/** The policy stops the action, or a person said no. Nothing of it was begun. `code` is STOPPED. */
export class StoppedError extends TallyError {
  override readonly name = 'StoppedError';
  /** Code of spec/policy.md. */
  readonly reason: string | undefined;
  /** The entry that holds the decision: `tally log show ID`. */
  readonly decisionId: string;
  readonly rule: string | undefined;
  readonly layer: string | undefined;
  /** With a rate limit: when one more call fits. */
  readonly retryAfterMs: number | undefined;

  constructor(
    action: string,
    why: string | undefined,
    about: About & { readonly retryAfterMs?: number | undefined },
  ) {
    super('STOPPED', `${action} is stopped: ${why ?? about.reason ?? 'the policy says so'}`, {
      hint: `tally log show ${about.decisionId} tells why; the policy is what allows it: tally policy explain`,
      details: {
        decision_id: about.decisionId,
        ...(about.reason === undefined ? {} : { reason: about.reason }),
      },
    });
    this.reason = about.reason;
    this.decisionId = about.decisionId;
    this.rule = about.rule;
    this.layer = about.layer;
    this.retryAfterMs = about.retryAfterMs;
  }
}

/** A person has to say yes first, and has not yet. Nothing was begun. `code` is APPROVAL_PENDING. */
export class ApprovalPendingError extends TallyError {
  override readonly name = 'ApprovalPendingError';
  /** Absent where so many wait already that nobody is asked. */
  readonly approvalId: string | undefined;
  readonly expiresAt: string | undefined;
  readonly decisionId: string;
  readonly reason: string | undefined;

  constructor(
    action: string,
    approval: { readonly id: string; readonly expires_at?: string } | undefined,
    about: About,
  ) {
    super(
      'APPROVAL_PENDING',
      // Frameworks hand the message to a model, and nothing else of it.
      approval === undefined
        ? `${action} waits for a person; too many wait already`
        : `${action} waits for a person to allow it: approval ${approval.id}, tally approvals approve ${approval.id}`,
      {
        hint:
          approval === undefined
            ? 'tally approvals list shows what waits; ask again when some of it is answered'
            : `tally approvals approve ${approval.id}; then do the same again`,
        details: {
          decision_id: about.decisionId,
          ...(approval === undefined ? {} : { approval_id: approval.id }),
        },
      },
    );
    this.approvalId = approval?.id;
    this.expiresAt = approval?.expires_at;
    this.decisionId = about.decisionId;
    this.reason = about.reason;
  }
}

/**
 * Why the signal of a run is aborted that has ended, and what is thrown where something is begun in it afterwards. Its name
 * is that of all aborts, by which code tells them from failures. `code` is RUN_ENDED.
 */
export class RunEndedError extends TallyError {
  override readonly name = 'AbortError';

  constructor() {
    super('RUN_ENDED', 'the run has ended, and nothing more is done in it', {
      hint: 'await what the run does before its function returns: tally.run(options, async (run) => { await run.act(…) })',
    });
  }
}

/** An outage (core/outage.ts) that may be over a moment later. */
export function mayPass(error: unknown): boolean {
  return (
    error instanceof TallyError && (error.code === 'RECORDER_UNAVAILABLE' || error.code === 'LOG_CLOSED')
  );
}

export function unrecorded(what: string, cause: unknown): TallyError {
  const known = cause instanceof TallyError ? cause : undefined;
  return new TallyError(
    known?.code ?? 'RECORDER_UNAVAILABLE',
    `${what}, because it could not be recorded (audit_unavailable): ${known?.message ?? String(cause)}`,
    {
      hint:
        known?.hint ??
        'start the recorder: tally up; failure_modes.sdk in config.yaml says what holds without it',
      details: { reason: 'audit_unavailable' },
      cause,
    },
  );
}
