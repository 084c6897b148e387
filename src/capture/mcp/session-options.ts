/** What a session is made with; its parts share it. */
import type { CredentialUse, Outcome, Target, Tier } from '../../core/entry.ts';
import type { Recording } from './recording.ts';

export interface SessionOptions {
  /** The name of the server, as whoever set it up calls it. Never what the server says. */
  readonly server: string;
  readonly recording: Recording;
  readonly tier?: Tier;
  /** False: messages are not lines, so what ends a line means nothing in them. */
  readonly framed?: false;
  /** Where the server is, when it is at a URL. */
  readonly target?: Target;
  /** What goes along with each call. */
  readonly credentials?: readonly CredentialUse[];
  readonly session?: string;
}

/** Where what we have to say about one message goes. */
export interface Sink {
  /** Bytes for the server that come when their turn is over: a call that a person approved. */
  later(bytes: Buffer): void;
  /** Our own answer, in place of the server's. */
  answer(bytes: Buffer): void;
  /** Nothing will be sent, and nobody waits for an answer. */
  dropped?(): void;
  /** The call goes out: whoever carries it says with `end` what became of it when the server does not. */
  sent?(end: (outcome: Outcome) => void): void;
  /** Whoever asked is gone: what was not sent by then is not sent any more. */
  readonly gone?: AbortSignal;
}
