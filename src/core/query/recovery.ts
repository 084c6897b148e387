/** Which torn tails a person has looked at. Recovery must not launder an attack on the unsigned tail. */
import type { JsonObject } from '../json.ts';
import { textAt } from './fields.ts';

export interface RecoveryWatch {
  /** Entries of type log.recover, in the order of the log; others are ignored. */
  see(entry: JsonObject): void;
  /** Names set aside, or told of, that no later entry acknowledges. `files`: what lies in the log's directory now. */
  unacknowledged(files: readonly string[]): readonly string[];
}

export function watchRecovery(): RecoveryWatch {
  const told = new Set<string>();
  const acknowledged = new Set<string>();
  return {
    see(entry) {
      if (textAt(entry, 'type') !== 'log.recover') return;
      const torn = textAt(entry, 'metadata', 'torn');
      const seen = textAt(entry, 'metadata', 'acknowledges');
      if (torn !== undefined) {
        told.add(torn);
        // A name used again stands for another file than the one that was looked at.
        acknowledged.delete(torn);
      }
      if (seen !== undefined) acknowledged.add(seen);
    },
    unacknowledged(files) {
      // A file that was told of and is gone counts too: removing it must not settle the matter.
      return [...new Set([...told, ...files])].filter((name) => !acknowledged.has(name)).sort();
    },
  };
}
