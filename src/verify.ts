/**
 * `tallystick/verify`: the verifier by itself, for programs of others. It needs bytes and public keys, reads no file, no
 * clock and no network, and runs unchanged in Node and in a browser. spec/log.md says what it checks.
 *
 * The caller hands in how bytes are got: `publishedLog({ get })` takes a function from a path to its bytes, `verifyProof`
 * takes the bytes of a proof file.
 */
import { providePrimitives } from './core/hash.ts';
import { portablePrimitives } from './core/portable.ts';

// Where node:crypto is, this changes nothing.
providePrimitives(portablePrimitives);

export type { ErrorCode } from './core/error.ts';
export { isTallyError, TallyError } from './core/error.ts';
export type { Checkpoint, VerifiedCheckpoint } from './core/tlog/checkpoint.ts';
export { openCheckpoint, parseCheckpoint } from './core/tlog/checkpoint.ts';
export type { ProofReport, VerifiedProof, VerifyProofOptions } from './core/tlog/entry-proof.ts';
export { checkEntry, exitCodeOfProof, verifyProof } from './core/tlog/entry-proof.ts';
export type { ParsedVkey, Verifier } from './core/tlog/key.ts';
export { parseVkey, verifierFromVkey } from './core/tlog/key.ts';
export type { Note, NoteSignature, OpenedNote } from './core/tlog/note.ts';
export { openNote, parseNote } from './core/tlog/note.ts';
export type { Proof } from './core/tlog/proof.ts';
export { checkConsistency, checkInclusion } from './core/tlog/proof.ts';
export type { ProofFile } from './core/tlog/proof-file.ts';
export { encodeProofFile, isProofFile, parseProofFile } from './core/tlog/proof-file.ts';
export type { GetFile, PublishedLog, PublishedOptions } from './core/tlog/published.ts';
export { publishedLog } from './core/tlog/published.ts';
export { emptyRoot, leafHash, nodeHash } from './core/tlog/tree.ts';
export type { LogSource, VerifyOptions } from './core/tlog/verify.ts';
export { verifyLog } from './core/tlog/verify.ts';
export type { Head } from './core/tlog/verify-heads.ts';
export type { Report, Status } from './core/tlog/verify-report.ts';
export { exitCodeOf } from './core/tlog/verify-report.ts';
