/** What the recorder says without being asked, to whoever holds a connection to it. */
import type { ReasonCode } from '../core/policy/reasons.ts';

/** A kill switch concerns something that this client has under way. */
export interface Killed {
  readonly run_id: string;
  /** All of the run; otherwise these actions of it alone. */
  readonly whole: boolean;
  /** The entries of their decisions. */
  readonly actions: readonly string[];
  readonly scope: string;
  /** What its next calls are stopped with. */
  readonly reason: ReasonCode;
  /** For a person. */
  readonly message: string;
  /** The entry of the switch. */
  readonly id: string;
}

export interface Told {
  readonly killed: Killed;
}

/** Once, when the connection to it is closed, for whatever reason; at once where it is closed already. */
export type OnGone = (listener: () => void) => void;

/** False: nobody is there any more. Never throws, and is not waited for. */
export type Tell = (told: Told) => boolean;
