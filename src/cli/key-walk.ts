/**
 * The keys of a log, walked for this very call without reading all of it: each rotation note is opened with the key
 * before it, and the entry that binds the next key is led to the note's root by an inclusion proof.
 */
import { isTallyError, TallyError } from '../core/error.ts';
import type { LogReader } from '../core/ports.ts';
import { parseCheckpoint } from '../core/tlog/checkpoint.ts';
import type { Verifier } from '../core/tlog/key.ts';
import {
  forgottenRotation,
  type KeyHistory,
  type KeySpan,
  nameOf,
  notTheSigned,
  type Rotation,
  type RotationNote,
  walkRotations,
} from '../core/tlog/key-history.ts';
import { parseNote } from '../core/tlog/note.ts';
import { checkInclusion, proveInclusion } from '../core/tlog/proof.ts';
import { readRotations } from '../core/tlog/rotation-notes.ts';
import { leafHash } from '../core/tlog/tree.ts';
import { attempt } from '../core/tlog/verify-signed.ts';
import type { OpenedReader } from '../reader.ts';
import { readKeptLine } from './carried-line.ts';
import { hashesOf } from './hashes.ts';
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

/** The entry under a note and, when it is proven to be there, the note's own root; otherwise why it is not. */
async function proven(reader: LogReader, { size, note }: RotationNote): Promise<Rotation> {
  const nothing = { size, note, root: undefined, entry: undefined };
  try {
    const claimed = parseCheckpoint(parseNote(note).text);
    if (claimed.size !== size) return nothing;
    const entry = await readKeptLine(reader, size - 1);
    if (entry === undefined) return nothing;
    const proof = await proveInclusion(size - 1, size, hashesOf(reader, size));
    const holds = attempt(() => {
      checkInclusion(proof, size - 1, leafHash(entry), size, claimed.root);
      return true;
    });
    if (holds === undefined) return { ...nothing, unknown: notTheSigned(size) };
    return { size, note, root: claimed.root, entry };
  } catch (error) {
    // What is wrong with the note itself the walk says first.
    if (isTallyError(error)) return { ...nothing, unknown: `it cannot be judged: ${error.message}` };
    throw error;
  }
}
