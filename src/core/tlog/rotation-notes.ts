/** Rotation notes where they lie: beside the log, in a published tree, among the remembered heads. */

import { LIMITS } from '../limits.ts';
import type { ObjectStore } from '../ports.ts';
import { type RotationNote, rotationName, rotationSize } from './key-history.ts';

/**
 * The notes below `prefix` ("" or ending in "/"), by size. One more than `LIMITS.keyRotations` at most is read: the walk
 * refuses that many. Of what is larger than any note as much as shows that: a directory of somebody else may hold a
 * thousand files of any size.
 */
export async function readRotations(
  objects: Pick<ObjectStore, 'get' | 'list'>,
  prefix = '',
): Promise<readonly RotationNote[]> {
  const names = await objects.list(`${prefix}keys/`);
  const sizes = names.flatMap((name) => rotationSize(name.slice(prefix.length)) ?? []).sort((a, b) => a - b);
  const notes: RotationNote[] = [];
  for (const size of sizes.slice(0, LIMITS.keyRotations + 1)) {
    const note = await objects.get(prefix + rotationName(size));
    if (note === undefined) continue;
    const tooLarge = note.length > LIMITS.noteBytes;
    // A copy: a part of it would keep all of it in memory.
    notes.push({ size, note: tooLarge ? Uint8Array.from(note.subarray(0, LIMITS.noteBytes + 1)) : note });
  }
  return notes;
}
