/**
 * What a destination is: something that is handed one message and takes it, or fails. One file a driver; they do not know
 * each other. `deliveries.ts` calls them, again and again where that is needed.
 */
import type { Closed, Raised } from '../core/alert/event.ts';

/** A message is an entry of the log: its id is the message's, whatever the try. */
export interface Message {
  readonly id: string;
  readonly index: number;
  /** RFC 3339. */
  readonly ts: string;
  /** Name of the log. */
  readonly log: string;
  readonly about: { readonly raised: Raised } | { readonly closed: Closed } | { readonly asked: AskedFor };
}

/** Somebody waits for a person's yes. */
export interface AskedFor {
  readonly action: string;
  readonly agent?: string;
  readonly user?: string;
  /** The caller's stated purpose. */
  readonly reason?: string;
  /** Why a person is asked. */
  readonly message?: string;
  readonly rule?: string;
  readonly target?: string;
  /** Canonical JSON, redacted, perhaps only its beginning. */
  readonly arguments?: string;
  readonly hidden?: number;
  readonly expires_at: string;
  /** By destination: whom it is for, and the link that is theirs alone. */
  readonly to: ReadonlyMap<string, { readonly approver: string; readonly url: string }>;
}

export interface Destination {
  readonly name: string;
  readonly type: 'webhook' | 'slack' | 'stderr';
  /**
   * Resolves when it was taken. Throws `DELIVERY_FAILED`, or another TallyError, in words that name no secret;
   * `details.retry_after_ms` when the other side says when to come again. Ends within its time limit and when `signal` is
   * aborted.
   */
  deliver(message: Message, signal: AbortSignal): Promise<void>;
}
