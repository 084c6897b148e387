/**
 * Saves what the recorder knows by heart now and then, so that a start after a crash folds some thousand entries and not
 * the whole log. Losing one costs time at the next start, nothing else.
 */
import { asTallyError } from '../core/error.ts';
import { LIMITS } from '../core/limits.ts';
import type { Pending } from './pending.ts';
import type { RegistryHolder } from './registry.ts';

export interface Snapshots {
  /** The newest durable checkpoint covers `size` entries. */
  signed(size: number): void;
  /** Saves what is true now. To be called when everything is signed. */
  save(): Promise<void>;
  /** Resolves when nothing is being written. */
  idle(): Promise<void>;
}

export function createSnapshots(options: {
  /** Entries that the newest snapshot reflects. */
  readonly saved: number;
  /** Entries that have their place, whether durable or not. */
  readonly size: () => number;
  readonly registry: Pick<RegistryHolder, 'snapshot'>;
  readonly pending: Pick<Pending, 'list'>;
  readonly put: (bytes: Uint8Array) => Promise<void>;
  readonly onWarning: ((text: string) => void) | undefined;
}): Snapshots {
  let { saved } = options;
  /** Reflects entries that may not be durable yet: a snapshot ahead of its log would be thrown away. */
  let taken: { readonly size: number; readonly bytes: Uint8Array } | undefined;
  let writing: Promise<void> = Promise.resolve();
  /** Entries between two of them: a large one is not written for every few. */
  let apart: number = LIMITS.snapshotEntries;

  function take(): { readonly size: number; readonly bytes: Uint8Array } {
    const size = options.size();
    const open = options.pending.list().map(({ index }) => index);
    const bytes = options.registry.snapshot(size, open);
    apart = Math.max(LIMITS.snapshotEntries, Math.ceil(bytes.length / LIMITS.snapshotBytesAnEntry));
    return { size, bytes };
  }

  function warn(error: unknown): void {
    options.onWarning?.(`${asTallyError(error).message}; recording goes on, the next start takes longer`);
  }

  return {
    signed(size) {
      if (taken !== undefined && taken.size <= size) {
        const { bytes } = taken;
        saved = taken.size;
        taken = undefined;
        writing = writing.then(() => options.put(bytes)).catch(warn);
      } else if (taken === undefined && options.size() - saved >= apart) taken = take();
    },
    async save() {
      await writing;
      await options.put(take().bytes);
    },
    idle: () => writing,
  };
}
