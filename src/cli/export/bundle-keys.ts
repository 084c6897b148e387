/** Who signed the checkpoint of a bundle, from the key that its reader trusts on. */
import { decodeBase64 } from '../../core/bytes.ts';
import { isTallyError, TallyError } from '../../core/error.ts';
import type { BundleManifest } from '../../core/export/manifest.ts';
import type { ObjectStore } from '../../core/ports.ts';
import { type Checkpoint, parseCheckpoint } from '../../core/tlog/checkpoint.ts';
import { verifierFromVkey } from '../../core/tlog/key.ts';
import { keysAt, type Rotation, rotationName, walkRotations } from '../../core/tlog/key-history.ts';
import { parseNote } from '../../core/tlog/note.ts';
import { checkConsistency, checkInclusion } from '../../core/tlog/proof.ts';
import { parseProofFile } from '../../core/tlog/proof-file.ts';
import { leafHash } from '../../core/tlog/tree.ts';
import type { SignaturesVerdict } from '../../core/tlog/verify-report.ts';
import { readSigned } from '../../core/tlog/verify-signed.ts';
import type { Context } from '../context.ts';
import { spansFrom } from '../key-walk.ts';
import { pinnedVkey } from '../remembered.ts';
import { proofName } from './bundle-proofs.ts';

type Files = Pick<ObjectStore, 'get'>;

export interface KeyRequest {
  /** Given; none: the one that this machine remembers for the log, when `pinned`. */
  readonly keys: readonly string[];
  readonly pinned: boolean;
}

export interface Keys {
  readonly vkeys: readonly string[];
  readonly ground: 'given' | 'pinned';
}

export async function keysFor(
  context: Context,
  origin: string,
  { keys, pinned }: KeyRequest,
): Promise<Keys | undefined> {
  if (keys.length > 0) return { vkeys: keys, ground: 'given' };
  if (!pinned) return undefined;
  const vkey = await pinnedVkey(await context.openReader(), { current: false }, origin);
  return vkey === undefined ? undefined : { vkeys: [vkey], ground: 'pinned' };
}

/** The key that was trusted first, from which the bundled rotation notes lead to the one that signed the checkpoint. */
export async function judgeSignatures(
  files: Files,
  note: Uint8Array,
  checkpoint: Checkpoint,
  manifest: BundleManifest,
  vkeys: readonly string[],
): Promise<SignaturesVerdict> {
  const { origin, size } = checkpoint;
  const pinned = vkeys.map(verifierFromVkey).filter(({ name }) => name === origin);
  if (vkeys.length > 0 && pinned.length === 0)
    return {
      status: 'incomplete',
      signed_by: [],
      note: `the bundle is of ${origin}, the given key is of another log`,
    };
  try {
    const rotations = await Promise.all(manifest.rotations.map((one) => rotationOf(files, one, checkpoint)));
    const history = walkRotations(origin, rotations);
    if (history.problem !== undefined) return { status: 'fail', signed_by: [], note: history.problem };
    // A later key may be the one that its reader has: it then vouches for this checkpoint by itself.
    const known = pinned.flatMap((first) => keysAt(spansFrom(history, first), size));
    return readSigned(note, origin, known.length > 0 ? known : pinned, []).verdict;
  } catch (error) {
    if (isTallyError(error)) return { status: 'fail', signed_by: [], note: error.message };
    throw error;
  }
}

/** Throws `PROOF_INVALID` for a note that the checkpoint does not go on from. */
async function rotationOf(
  files: Files,
  { size, consistency }: BundleManifest['rotations'][number],
  checkpoint: Checkpoint,
): Promise<Rotation> {
  const note = await files.get(rotationName(size));
  const bytes = await files.get(proofName(size));
  if (note === undefined || bytes === undefined)
    throw new TallyError('PROOF_INVALID', `${rotationName(size)} or its proof is missing`);
  const { index, proof, extra } = parseProofFile(bytes);
  const claimed = parseCheckpoint(parseNote(note).text);
  if (extra === undefined || index !== size - 1 || claimed.size !== size)
    throw new TallyError('PROOF_INVALID', `${proofName(size)} is not about the last entry under its note`);
  checkInclusion(proof, index, leafHash(extra), size, claimed.root);
  const path = consistency.map((hash) => decodeBase64(hash) ?? new Uint8Array(0));
  checkConsistency(path, size, claimed.root, checkpoint.size, checkpoint.root);
  return { size, note, root: claimed.root, entry: extra };
}
