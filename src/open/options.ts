/** What opening this machine's log needs to know. */

import type { AnchorSettings } from '../anchor/setting.ts';
import type { Signal } from '../core/alert/kinds/kind.ts';
import type { PayloadSetting } from '../core/payload/policy.ts';
import type { RetentionSetting } from '../core/retention/setting.ts';
import type { Paths } from '../paths.ts';
import type { Client } from '../recorder/ops.ts';
import type { OtlpForward } from '../sink/otlp/setting.ts';
import type { AlertSettings } from '../sink/setting.ts';
import type { WriteAlert } from '../sink/stderr.ts';

/** Of what a session is opened with. */
export interface AnchorOptions {
  /** Read anew whenever it is asked; throws BAD_CONFIG. */
  readonly settings: () => AnchorSettings;
  /** Whether anchors are shown checkpoints as they become due, or only when somebody asks. */
  readonly background: boolean;
}

/** Of what a session is opened with. */
export interface AlertOptions {
  /** Read anew whenever it is asked; throws BAD_CONFIG. */
  readonly settings: () => AlertSettings;
  /** Whether the rules look at entries as they come, or alerts are only asked about. */
  readonly background: boolean;
  /** The terminal of who runs the recorder. */
  readonly write?: WriteAlert;
  /** Verifies the log apart from this process; undefined when it could not be found out. */
  readonly verify?: (
    signal: AbortSignal,
  ) => Promise<Pick<Extract<Signal, { kind: 'verification' }>, 'verdict' | 'words'> | undefined>;
  /** What each agent does now that it usually does not, likewise apart from this process. */
  readonly drift?: (
    signal: AbortSignal,
  ) => Promise<readonly Omit<Extract<Signal, { kind: 'drift' }>, 'kind' | 'at'>[] | undefined>;
}

/** Of what a session is opened with. */
export interface OtlpOptions {
  /** Where entries are sent. Read anew whenever it is asked; throws BAD_CONFIG. */
  readonly forward: () => OtlpForward | undefined;
}

/** Of what a session is opened with. */
export interface RetentionOptions {
  /** Read anew whenever it is asked; throws BAD_CONFIG. */
  readonly settings: () => RetentionSetting;
  /** Whether what is due is removed every hour, or only when somebody asks. */
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
  /** What tells of alerts; without it, nothing. */
  readonly alerts?: AlertOptions;
  /** What sends entries to a collector; without it, nothing. */
  readonly otlp?: OtlpOptions;
  /** How long entries and payloads are kept; without it, for ever. */
  readonly retention?: RetentionOptions;
  /** It ends with one access to a secret: what a lasting recorder has besides is not loaded, and asked for it says so. */
  readonly brief?: boolean;
  /** Waiting for other processes does not keep this one alive: it is somebody's program, which ends when it is done. */
  readonly quiet?: boolean;
  /** Names of members whose values are redacted besides the built-in ones. */
  readonly redactFields?: readonly string[];
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
