/** Rotation notes where they lie: beside the log, in a published tree, among the remembered heads. */

import { LIMITS } from '../limits.ts';
import type { ObjectStore } from '../ports.ts';
import { type RotationNote, rotationName, rotationSize } from './key-history.ts';

/**
 * The notes below `prefix` ("" or ending in "/"), by size. One more than `LIMITS.keyRotations` at most is read: the walk
 * refuses that many.
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
    if (note !== undefined) notes.push({ size, note });
  }
  return notes;
}
