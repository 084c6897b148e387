/** Which torn tails a person has looked at. Recovery must not launder an attack on the unsigned tail. */
import type { JsonObject } from '../json.ts';
import { numberAt, textAt } from './fields.ts';

export interface TornFile {
  readonly bytes: number;
  /** Hex; undefined when nobody looked. */
  readonly sha256: string | undefined;
}

export interface TornVerdict {
  /** Names set aside, or told of, that no later entry acknowledges. Empty files that no entry tells of are left out. */
  readonly unacknowledged: readonly string[];
  /** Their bytes are not the ones that their log.recover entry tells of. */
  readonly altered: readonly string[];
  /** Told of and not there. Acknowledging a file does not allow anybody to take it away. */
  readonly missing: readonly string[];
  /** Empty, and no entry tells of them: a crash before the first byte was copied. */
  readonly empty: readonly string[];
}

export interface RecoveryWatch {
  /** Entries of type log.recover, in the order of the log; others are ignored. */
  see(entry: JsonObject): void;
  /** Size of the file as the log tells it. */
  told(name: string): number | undefined;
  /** `files`: what lies in the log's directory now. `pruned`: those that may be gone with the segments they came from. */
  judge(files: ReadonlyMap<string, TornFile>, pruned?: (name: string) => boolean): TornVerdict;
}

export function watchRecovery(): RecoveryWatch {
  const told = new Map<string, { readonly bytes: number | undefined; readonly sha256: string | undefined }>();
  const acknowledged = new Set<string>();
  return {
    see(entry) {
      if (textAt(entry, 'type') !== 'log.recover') return;
      const torn = textAt(entry, 'metadata', 'torn');
      const seen = textAt(entry, 'metadata', 'acknowledges');
      if (torn !== undefined) {
        told.set(torn, {
          bytes: numberAt(entry, 'metadata', 'bytes'),
          sha256: textAt(entry, 'metadata', 'sha256'),
        });
        // A name used again stands for another file than the one that was looked at.
        acknowledged.delete(torn);
      }
      if (seen !== undefined) acknowledged.add(seen);
    },
    told: (name) => told.get(name)?.bytes,
    judge(all, pruned = () => false) {
      const files = new Map([...all].filter(([name]) => !pruned(name)));
      for (const name of told.keys()) if (pruned(name)) told.delete(name);
      const empty = [...files].filter(([name, { bytes }]) => bytes === 0 && !told.has(name));
      const harmless = new Set(empty.map(([name]) => name));
      const open = [...told.keys(), ...files.keys()].filter((name) => !harmless.has(name));
      const altered = [...told].filter(([name, { bytes, sha256 }]) => {
        const file = files.get(name);
        return file !== undefined && (file.bytes !== bytes || file.sha256 !== sha256);
      });
      return {
        // A file that was told of and is gone counts too: removing it must not settle the matter.
        unacknowledged: [...new Set(open)].filter((name) => !acknowledged.has(name)).sort(),
        altered: altered.map(([name]) => name).sort(),
        missing: [...told.keys()].filter((name) => !files.has(name)).sort(),
        empty: [...harmless].sort(),
      };
    },
  };
}
