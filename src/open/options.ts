/** What opening this machine's log needs to know. */

import type { PayloadSetting } from '../core/payload/policy.ts';
import type { Paths } from '../paths.ts';
import type { Client } from '../recorder/ops.ts';
import type { AnchorOptions } from './anchors.ts';

/** What the log and its writer are opened with. */
export interface WriterOptions {
  readonly paths: Paths;
  readonly onWarning: (line: string) => void;
  /** From the machine's configuration. */
  readonly allowObserve?: boolean;
  /** What outside is shown the checkpoints of this log; without it, nothing. */
  readonly anchors?: AnchorOptions;
  /** Which payloads are kept; also from the machine's configuration. */
  readonly payloads?: PayloadSetting;
  /** Entries of a full segment; tests shorten it. */
  readonly segmentEntries?: number;
}

export interface SessionOptions extends WriterOptions {
  readonly client: Client;
  /** `writer`: waits for a short-lived writer to end and fails when the log stays taken. `client`: never writes itself. */
  readonly require?: 'writer' | 'client';
  /** How long to wait for a writer to answer or to end. */
  readonly waitMs?: number;
}
