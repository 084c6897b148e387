/**
 * Saves what the recorder knows by heart now and then, so that a start after a crash folds some thousand entries and not
 * the whole log. Losing one costs time at the next start, nothing else.
 */
import { LIMITS } from '../core/limits.ts';

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
  readonly take: (size: number) => Uint8Array;
  readonly put: (bytes: Uint8Array) => Promise<void>;
  readonly onFailure: (error: unknown) => void;
}): Snapshots {
  let { saved } = options;
  /** Reflects entries that may not be durable yet: a snapshot ahead of its log would be thrown away. */
  let taken: { readonly size: number; readonly bytes: Uint8Array } | undefined;
  let writing: Promise<void> = Promise.resolve();

  function take(): void {
    const size = options.size();
    taken = { size, bytes: options.take(size) };
  }

  return {
    signed(size) {
      if (taken !== undefined && taken.size <= size) {
        const { bytes } = taken;
        saved = taken.size;
        taken = undefined;
        writing = writing.then(() => options.put(bytes)).catch(options.onFailure);
      } else if (taken === undefined && options.size() - saved >= LIMITS.snapshotEntries) take();
    },
    async save() {
      await writing;
      await options.put(options.take(options.size()));
    },
    idle: () => writing,
  };
}
