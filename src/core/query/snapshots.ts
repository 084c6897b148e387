/** Whether every policy snapshot that a log announces is there, and is the one that was announced. */
import type { JsonObject } from '../json.ts';
import { textAt } from './fields.ts';

export interface SnapshotsVerdict {
  readonly status: 'pass' | 'fail' | 'incomplete';
  /** Stored documents whose bytes do not have the hash that they are named by. */
  readonly altered: readonly string[];
  /** Announced and not there. */
  readonly missing: readonly string[];
}

export interface SnapshotWatch {
  /** Entries of type policy.snapshot; others are ignored. */
  see(entry: JsonObject): void;
  /** `stored`: hash in the name → hash of the bytes. */
  judge(stored: ReadonlyMap<string, string>): SnapshotsVerdict;
}

export function watchSnapshots(): SnapshotWatch {
  const announced = new Set<string>();
  return {
    see(entry) {
      const hash =
        textAt(entry, 'type') === 'policy.snapshot' ? textAt(entry, 'metadata', 'hash') : undefined;
      if (hash !== undefined) announced.add(hash);
    },
    judge(stored) {
      const altered = [...stored].filter(([name, hash]) => name !== hash).map(([name]) => name);
      const missing = [...announced].filter((hash) => !stored.has(hash));
      const status = altered.length > 0 ? 'fail' : missing.length > 0 ? 'incomplete' : 'pass';
      return { status, altered: altered.sort(), missing: missing.sort() };
    },
  };
}
