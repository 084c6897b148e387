/**
 * What an anchor is: something outside this machine that is shown a signed checkpoint and gives something back to keep.
 * One file a driver; they do not know each other. `runner.ts` calls them in the background, `evidence.ts` reads back
 * what they gave.
 */
import type { Checkpoint } from '../core/tlog/checkpoint.ts';

export const ANCHOR_TYPES = ['witness', 'rfc3161', 'git', 'file', 'webhook'] as const;
export type AnchorType = (typeof ANCHOR_TYPES)[number];

/** What is shown to the outside. */
export interface AnchorSubject extends Checkpoint {
  /** The signed note, byte for byte. */
  readonly note: Uint8Array;
  /** RFC 6962 consistency proof from the first `size` entries to this checkpoint; empty for 0 and for its own size. */
  consistencyFrom(size: number): Promise<readonly Uint8Array[]>;
}

export interface AnchorReceipt {
  /** What is kept: `anchors/<name>/<size>.<suffix>` in the log's directory, beside `<size>.checkpoint`. */
  readonly suffix: string;
  readonly bytes: Uint8Array;
  /**
   * RFC 3339. When the outside says, under a signature that this driver checked for this very receipt, that it had seen
   * the checkpoint. Absent when nobody signed a time.
   */
  readonly time?: string;
}

export interface AnchorDriver {
  /** From the configuration: `[a-z0-9][a-z0-9-]*`, unique; names the directory of its receipts. */
  readonly name: string;
  readonly type: AnchorType;
  /**
   * Resolves when the outside has it. Throws `ANCHOR_FAILED` (it is down, slow, or refused), `ANCHOR_CONFLICT` (it has
   * seen a longer log, or another one: this log was rolled back or forked, or the outside lies). Never throws because of
   * what a hostile answer contains; ends within its time limit and when `signal` is aborted.
   */
  anchor(subject: AnchorSubject, signal: AbortSignal): Promise<AnchorReceipt>;
  /** Signed checkpoints of `origin` that the outside holds and that can be read without the network, any order. */
  heads?(origin: string): AsyncIterable<Uint8Array>;
}
