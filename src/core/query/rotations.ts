/** Rotations of the key that were begun. Each that was completed has a note; one that has none stays visible. */
import type { JsonObject } from '../json.ts';
import { LIMITS } from '../limits.ts';
import { KEY_ROTATE } from '../tlog/key-history.ts';
import { field, numberAt, textAt } from './fields.ts';

export interface RotationWatch {
  /** Entries of type key.rotate; others are ignored. */
  see(entry: JsonObject): void;
  /** Indexes of those that no note of these sizes completes; at most `LIMITS.keyRotations` are kept. */
  begun(completed: readonly number[]): readonly number[];
}

export function watchRotations(): RotationWatch {
  const indexes: number[] = [];
  return {
    see(entry) {
      const index = numberAt(entry, 'index');
      // A request that was stopped has a decision, and began nothing.
      const own = textAt(entry, 'type') === KEY_ROTATE && field(entry, 'decision') === undefined;
      if (own && index !== undefined && indexes.length < LIMITS.keyRotations) indexes.push(index);
    },
    begun: (completed) => indexes.filter((index) => !completed.includes(index + 1)),
  };
}
