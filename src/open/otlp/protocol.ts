/** What the thread that makes requests of entries is asked, and what it answers. All of it survives a structured clone. */
import type { LogName } from '../../core/otlp/log-record.ts';
import type { Batch } from '../../sink/otlp/forward.ts';
import type { Place } from '../../sink/otlp/position.ts';

export interface EncodeTask {
  /** Of the log. */
  readonly directory: string;
}

export type Asked =
  | { readonly what: 'next'; readonly log: LogName; readonly place: Place; readonly upTo: number }
  /** The place before the entry at `index`. */
  | { readonly what: 'place'; readonly index: number }
  /** Whether the line at `last` is still the one that it was. */
  | { readonly what: 'is'; readonly last: { readonly place: Place; readonly sha256: string } };

export type Answer =
  | { readonly batch: Batch }
  | { readonly place: Place }
  | { readonly is: boolean }
  | { readonly failed: string };

export interface ToThread {
  readonly n: number;
  readonly asked: Asked;
}

export interface FromThread {
  readonly n: number;
  readonly answer: Answer;
}
