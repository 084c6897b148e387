/** What the thread that feeds the index is told, and what it tells. */
export interface FeederTask {
  /** Of the log. */
  readonly directory: string;
  /** Of the index, and of the lock of those who write it. */
  readonly path: string;
  readonly lock: string;
}

export type ToFeeder = 'stop';

/** `problem`: why the index is behind, once for each reason; `anew`: why it is made again; `well`: it goes on. */
export type FromFeeder =
  | { readonly kind: 'problem' | 'anew'; readonly why: string }
  | { readonly kind: 'well' };
