/** What an anchor that can read back does with the checkpoint it already holds, before it takes another one. */

import { equalBytes } from '../core/bytes.ts';
import { TallyError } from '../core/error.ts';
import { type Checkpoint, parseCheckpoint } from '../core/tlog/checkpoint.ts';
import { parseNote } from '../core/tlog/note.ts';
import { checkConsistency } from '../core/tlog/proof.ts';
import type { AnchorSubject } from './driver.ts';

/** Undefined for what is no checkpoint: half a file after a crash, or somebody's note to themselves. */
export function readCheckpoint(note: Uint8Array): Checkpoint | undefined {
  try {
    return parseCheckpoint(parseNote(note).text);
  } catch (error) {
    if (error instanceof TallyError) return undefined;
    throw error;
  }
}

/**
 * Throws ANCHOR_CONFLICT unless `subject` continues `held`: a shorter log was rolled back, one that does not contain the
 * held tree was forked. Whose key signed `held` is not asked: whoever can write there can be in the way, not in our name.
 */
export async function requireContinuation(
  where: string,
  held: Checkpoint,
  subject: AnchorSubject,
): Promise<void> {
  if (held.size > subject.size)
    throw conflict(
      where,
      subject,
      `holds a checkpoint of ${held.size} entries, and this log has signed ${subject.size}`,
    );
  if (held.size === subject.size) {
    if (equalBytes(held.root, subject.root)) return;
    throw conflict(where, subject, `holds another tree of the same ${held.size} entries`);
  }
  try {
    const proof = await subject.consistencyFrom(held.size);
    checkConsistency(proof, held.size, held.root, subject.size, subject.root);
  } catch (error) {
    if (!(error instanceof TallyError) || error.code !== 'PROOF_INVALID') throw error;
    throw conflict(where, subject, `holds ${held.size} entries that are not the first of this log`);
  }
}

function conflict(where: string, { origin, size }: AnchorSubject, what: string): TallyError {
  return new TallyError(
    'ANCHOR_CONFLICT',
    `${where} ${what}: ${origin} was rolled back or forked, or somebody else wrote there`,
    {
      hint: 'run `tally verify`, and keep what the anchor holds, before anything else is recorded',
      details: { size },
    },
  );
}

/** One directory a log: an origin has a slash in it, and dots would lead out. */
export function directoryOf(origin: string): string {
  return encodeURIComponent(origin).replace(/^\.+/, (dots) => '%2E'.repeat(dots.length));
}
