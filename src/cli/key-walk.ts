/**
 * The keys of a log, walked for this very call without reading all of it: each rotation note is opened with the key
 * before it, and the entry that binds the next key is led to the note's root by an inclusion proof.
 */
import { isTallyError, TallyError } from '../core/error.ts';
import type { LogReader } from '../core/ports.ts';
import { parseCheckpoint } from '../core/tlog/checkpoint.ts';
import { checkEntry } from '../core/tlog/entry-proof.ts';
import type { Verifier } from '../core/tlog/key.ts';
import {
  forgottenRotation,
  type KeyHistory,
  type KeySpan,
  nameOf,
  type Rotation,
  type RotationNote,
  walkRotations,
} from '../core/tlog/key-history.ts';
import { parseNote } from '../core/tlog/note.ts';
import { proveInclusion } from '../core/tlog/proof.ts';
import { readRotations } from '../core/tlog/rotation-notes.ts';
import type { OpenedReader } from '../reader.ts';
import { hashesOf } from './hashes.ts';
import { readLines } from './lines.ts';
import { rememberedRotations, type Whose } from './remembered.ts';

/** A log without rotations has no spans: its one key is whichever is trusted. */
export async function walkLog(opened: OpenedReader, whose: Whose, origin: string): Promise<KeyHistory> {
  // Before those beside the log: a rotation in between must not look like a note that was taken away.
  const remembered = await rememberedRotations(opened, whose, origin);
  const stored = await readRotations(opened.reader.objects);
  const rotations = await Promise.all(stored.map((note) => proven(opened.reader, note)));
  const walked = walkRotations(origin, rotations);
  const problem = walked.problem ?? forgottenRotation(stored, remembered);
  return problem === undefined ? walked : { spans: walked.spans, problem };
}

/** The keys from the trusted one on. Throws `LOG_DAMAGED` when the history does not hold, or is another's. */
export function spansFrom({ spans, problem }: KeyHistory, trusted: Verifier): readonly KeySpan[] {
  if (problem !== undefined) throw broken(problem);
  if (spans.length === 0) return [{ verifier: trusted, from: 0 }];
  const start = spans.findIndex(({ verifier }) => verifier.vkey === trusted.vkey);
  if (start === -1) throw broken(`${nameOf(trusted)} is no key of this log`);
  return spans.slice(start);
}

function broken(problem: string): TallyError {
  return new TallyError('LOG_DAMAGED', `the key history does not hold: ${problem}`, {
    hint: 'run `tally key list` to see each key, and `tally verify` to see what else does not hold',
  });
}

/** The entry under a note and, when it is proven to be there, the note's own root. */
async function proven(reader: LogReader, { size, note }: RotationNote): Promise<Rotation> {
  const nothing = { size, note, root: undefined, entry: undefined };
  try {
    const claimed = parseCheckpoint(parseNote(note).text);
    if (claimed.size !== size) return nothing;
    const [entry] = await readLines(reader, size - 1, size);
    if (entry === undefined) return nothing;
    checkEntry(entry, size - 1, await proveInclusion(size - 1, size, hashesOf(reader, size)), claimed);
    return { size, note, root: claimed.root, entry };
  } catch (error) {
    // The walk says that the log does not have it.
    if (isTallyError(error)) return nothing;
    throw error;
  }
}
