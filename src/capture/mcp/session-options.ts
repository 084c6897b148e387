/** What a session is made with; its parts share it. */
import type { Tier } from '../../core/entry.ts';
import type { Recording } from './recording.ts';

export interface SessionOptions {
  /** The name of the server, as whoever set it up calls it. Never what the server says. */
  readonly server: string;
  readonly recording: Recording;
  readonly tier?: Tier;
  readonly session?: string;
  /** Bytes for the server that come when their turn is over: a call that a person approved. */
  readonly later: (bytes: Buffer) => void;
  /** Our own answer, in place of the server's. */
  readonly answer: (bytes: Buffer) => void;
}
