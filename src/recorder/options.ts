/** What a recorder is opened with. */
import { invariant } from '../core/error.ts';
import { LIMITS } from '../core/limits.ts';
import type { LogInfo } from '../core/loginfo.ts';
import type { PolicyInForce } from '../core/policy/compiled.ts';
import type { MachineOwner } from '../core/policy/principal.ts';
import type { Clock, LogStore, ObjectStore, Random } from '../core/ports.ts';
import type { Redactor } from '../core/redact/redact.ts';
import type { Signer } from '../core/tlog/key.ts';
import type { KeyFiles } from './keys.ts';
import type { PayloadOptions } from './payloads.ts';

export interface RecorderOptions {
  readonly tenant: string;
  /** Directory name of the log: the tenant, with "@<n>" from the second epoch on. Names its head and its registry. */
  readonly name: string;
  readonly version: string;
  readonly store: LogStore;
  /** Heads of all logs, outside of them. */
  readonly heads: ObjectStore;
  /** Registry snapshots: derived from the log, disposable. */
  readonly registry: ObjectStore;
  readonly info: LogInfo;
  /** A private key of this log that lies on this machine. */
  readonly signer: Signer;
  /** Where private keys lie. Absent: the key of this log is not rotated here. */
  readonly keyFiles?: KeyFiles;
  /** The tenant's master key: arguments are hashed under a key derived from it. */
  readonly masterKey: Uint8Array;
  readonly policy: PolicyInForce;
  readonly allowObserve?: boolean;
  /** Whose machine this is: who a call is for when nothing else says it. Absent: a recorder that others call. */
  readonly owner?: MachineOwner;
  readonly now: Clock;
  /** Milliseconds that only go forward: steps of `now` against it are put on record. */
  readonly monotonic?: Clock;
  readonly random: Random;
  /** Facts about this start for `log.open` (pid, host, Node version). */
  readonly about?: Readonly<Record<string, string | number>>;
  /** Where payloads go. Absent: none is kept. */
  readonly payloads?: PayloadOptions;
  /** Another set of rules than the built-in ones. */
  readonly redactor?: Redactor;
  /** How long clients of a dead writer have to come back; tests shorten it. */
  readonly orphanGraceMs?: number;
  /**
   * It is opened for one access and closed after it: its start is written together with what comes first, or with its end,
   * and it signs when it is closed, or after LIMITS.checkpointMs.
   */
  readonly brief?: boolean;
  /** Told what does not stop the recording and should be known. */
  readonly onWarning?: (text: string) => void;
  /** Entries of a full segment, a multiple of 256; tests shorten it. Logs of any mixture are read. */
  readonly segmentEntries?: number;
}

export function segmentEntriesOf({ segmentEntries = LIMITS.segmentEntries }: RecorderOptions): number {
  const fits = segmentEntries > 0 && segmentEntries % LIMITS.tileWidth === 0;
  invariant(fits && segmentEntries <= LIMITS.segmentEntries, `segmentEntries ${segmentEntries}`);
  return segmentEntries;
}
