/** Whether every policy snapshot that a log announces is there, and is the one that was announced. */
import type { JsonObject } from '../json.ts';
import { textAt } from './fields.ts';

export interface SnapshotsVerdict {
  readonly status: 'pass' | 'fail';
  /** Stored documents whose bytes do not have the hash that they are named by. */
  readonly altered: readonly string[];
  /** Announced and not there. They were durable before the entry that announces them, so no crash explains it. */
  readonly missing: readonly string[];
}

export interface SnapshotWatch {
  /** Entries of type policy.snapshot and log.open, which name what is in force; others are ignored. */
  see(entry: JsonObject): void;
  /** `stored`: hash in the name → hash of the bytes. */
  judge(stored: ReadonlyMap<string, string>): SnapshotsVerdict;
}

export function watchSnapshots(): SnapshotWatch {
  const announced = new Set<string>();
  return {
    see(entry) {
      const type = textAt(entry, 'type');
      const path =
        type === 'policy.snapshot' ? ['hash'] : type === 'log.open' ? ['policy', 'hash'] : undefined;
      const hash = path === undefined ? undefined : textAt(entry, 'metadata', ...path);
      if (hash !== undefined) announced.add(hash);
    },
    judge(stored) {
      const altered = [...stored].filter(([name, hash]) => name !== hash).map(([name]) => name);
      const missing = [...announced].filter((hash) => !stored.has(hash));
      const status = altered.length + missing.length > 0 ? 'fail' : 'pass';
      return { status, altered: altered.sort(), missing: missing.sort() };
    },
  };
}
