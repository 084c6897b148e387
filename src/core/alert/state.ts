/** How alerts stand: told by the recorder that runs, shown by `tally status` and `tally alerts`. */
import type { Severity } from './rule.ts';

export interface OpenAlert {
  readonly id: string;
  readonly index: number;
  readonly rule: string;
  readonly severity: Severity;
  readonly subject: string;
  readonly message: string;
  readonly at: string;
}

export interface DestinationState {
  readonly name: string;
  readonly type: string;
  /** Messages on their way to it. */
  readonly waiting: number;
  /** Messages that were given up, until somebody asks to try again. */
  readonly undelivered: number;
  /** Since the last delivery nothing but this. */
  readonly failing?: { readonly message: string; readonly attempts: number; readonly retry_at: string };
}

export interface AlertState {
  /** Whether the rules look at entries as they come. */
  readonly watching: boolean;
  /** Durable entries that they have not looked at yet. */
  readonly behind: number;
  readonly open: number;
  /** The newest, most severe first; `open` counts those that are left out. */
  readonly newest: readonly OpenAlert[];
  readonly destinations: readonly DestinationState[];
}

/** What one message came to at one destination. */
export interface AlertTest {
  readonly destination: string;
  readonly outcome: 'delivered' | 'failed' | 'waiting';
  readonly message?: string;
}
