/** What opening this machine's log needs to know. */

import type { AnchorSettings } from '../anchor/setting.ts';
import type { PayloadSetting } from '../core/payload/policy.ts';
import type { Paths } from '../paths.ts';
import type { Client } from '../recorder/ops.ts';

/** Of what a session is opened with. */
export interface AnchorOptions {
  /** Read anew whenever it is asked; throws BAD_CONFIG. */
  readonly settings: () => AnchorSettings;
  /** Whether anchors are shown checkpoints as they become due, or only when somebody asks. */
  readonly background: boolean;
}

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
