/**
 * What outlives the entries that were pruned: one object, named by its hash, which the `log.prune` entry cites. It holds
 * what was removed, by name; what the recorder knew by heart at that size; and the entries that are still needed word for
 * word. Those need no trust: their leaf hashes stand in the kept tiles, under the signed root.
 */
import { sha256Hex } from '../hash.ts';
import type { JsonObject } from '../json.ts';
import { listAt, numberAt, objectIn, textAt } from '../query/fields.ts';

export const CARRIED_FORMAT = 'tallystick-pruned/1';

export interface CarriedEntry {
  readonly index: number;
  /** The stored line, without its newline. */
  readonly entry: string;
}

export interface Carried {
  readonly from: number;
  readonly to: number;
  /** What goes together with the segments `from` to `to`. */
  readonly keys: readonly string[];
  readonly snapshots: readonly string[];
  /** Carried objects of earlier prunes, which this one replaces. */
  readonly objects: readonly string[];
  /** The registry that the first `to` entries lead to, as `serializeRegistry` writes it. */
  readonly registry: string;
  readonly entries: readonly CarriedEntry[];
}

export function carriedName(sha256: string): string {
  return `pruned/${sha256}.json`;
}

/** undefined when the bytes do not have that hash, or are nothing that this version wrote. */
export function parseCarried(bytes: Uint8Array | undefined, sha256: string): Carried | undefined {
  if (bytes === undefined || sha256Hex(bytes) !== sha256) return undefined;
  const value = objectIn(bytes);
  if (value === undefined || textAt(value, 'format') !== CARRIED_FORMAT) return undefined;
  const from = numberAt(value, 'from');
  const to = numberAt(value, 'to');
  const registry = textAt(value, 'registry');
  if (from === undefined || to === undefined || registry === undefined) return undefined;
  return {
    from,
    to,
    registry,
    keys: texts(value, 'keys'),
    snapshots: texts(value, 'snapshots'),
    objects: texts(value, 'objects'),
    entries: listAt(value, 'entries').flatMap((one) => {
      const index = numberAt(one, 'index');
      const entry = textAt(one, 'entry');
      return index === undefined || entry === undefined ? [] : [{ index, entry }];
    }),
  };
}

function texts(value: JsonObject, name: string): readonly string[] {
  return listAt(value, name).filter((one): one is string => typeof one === 'string');
}
