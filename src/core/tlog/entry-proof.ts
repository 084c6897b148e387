/** One entry against a checkpoint: what a proof file carries. */
import { TallyError } from '../error.ts';
import type { VerifiedCheckpoint } from './checkpoint.ts';
import { scanFields } from './fields.ts';
import { checkInclusion, type Proof } from './proof.ts';
import { leafHash } from './tree.ts';

/**
 * Throws `PROOF_INVALID` unless `proof` shows that `entry` (its stored bytes, without newline) stands at `index` of the
 * log that the checkpoint signs, and the entry says so itself.
 */
export function checkEntry(
  entry: Uint8Array,
  index: number,
  proof: Proof,
  checkpoint: VerifiedCheckpoint,
): void {
  checkInclusion(proof, index, leafHash(entry), checkpoint.size, checkpoint.root);
  const carries = scanFields(entry, 0, entry.length)?.index;
  if (carries !== index)
    throw new TallyError(
      'PROOF_INVALID',
      `the entry at index ${index} says it is entry ${carries ?? 'nowhere'}`,
    );
}
