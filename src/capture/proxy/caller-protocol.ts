/** What the broker and its thread for callers say to each other. */
import type { FoundProcess } from './caller-find.ts';
import type { Ports } from './caller-proc.ts';

export interface CallerQuestion {
  readonly n: number;
  readonly ports: Ports;
}

/** Comes once, and once more with the hash where there is one. */
export interface CallerAnswer {
  readonly n: number;
  readonly found: FoundProcess | undefined;
  readonly exe_hash?: string;
  readonly last: boolean;
}
