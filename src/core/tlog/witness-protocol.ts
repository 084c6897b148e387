/**
 * What a log and a witness say to each other (C2SP tlog-witness v1.0.0), and what a witness has to check. Pure: bytes and
 * values only.
 *
 *     POST <prefix>/add-checkpoint      "old " N "\n"   (b64 hash "\n")*   "\n"   checkpoint with its signatures
 *     200 signature lines   409 text/x.tlog.size: N "\n"   400  403  404  422
 */
import { concatBytes, decodeBase64, decodeUtf8, encodeBase64, encodeUtf8 } from '../bytes.ts';
import { invariant, isTallyError } from '../error.ts';
import { HASH_BYTES } from '../hash.ts';
import { LIMITS } from '../limits.ts';
import { type Checkpoint, openCheckpoint, parseCheckpoint, type VerifiedCheckpoint } from './checkpoint.ts';
import type { Verifier } from './key.ts';
import { encodeSignatureLine, type NoteSignature, parseNote, parseSignatureLine } from './note.ts';
import { checkConsistency, type Proof } from './proof.ts';

export const ADD_CHECKPOINT = 'add-checkpoint';
export const SIZE_TYPE = 'text/x.tlog.size';

export interface AddCheckpoint {
  /** What the client believes that the witness cosigned last; 0 for nothing. */
  readonly oldSize: number;
  /** From `oldSize` to the checkpoint. */
  readonly proof: Proof;
  /** The signed checkpoint, byte for byte. */
  readonly note: Uint8Array;
}

/** What a witness reads out of a request before it trusts any of it. */
export interface Submission extends AddCheckpoint {
  /** Nobody verified it. */
  readonly claimed: Checkpoint;
}

const SIZE = /^(0|[1-9]\d{0,15})$/;

function sizeOf(text: string): number | undefined {
  const size = Number(text);
  return SIZE.test(text) && Number.isSafeInteger(size) ? size : undefined;
}

export function encodeAddCheckpoint({ oldSize, proof, note }: AddCheckpoint): Uint8Array {
  invariant(Number.isSafeInteger(oldSize) && oldSize >= 0, 'a size is a safe integer');
  invariant(proof.length <= LIMITS.proofHashes, 'a proof has at most 63 hashes');
  const hashes = proof.map((hash) => `${encodeBase64(hash)}\n`).join('');
  return concatBytes(encodeUtf8(`old ${oldSize}\n${hashes}\n`), note);
}

/** What is wrong with a request, for whoever sent it. */
export interface Malformed {
  readonly malformed: string;
}

const wrong = (malformed: string): Malformed => ({ malformed });

/** Strict, in linear time; never throws. */
export function parseAddCheckpoint(bytes: Uint8Array): Submission | Malformed {
  if (bytes.length > LIMITS.witnessMessageBytes)
    return wrong(`it has more than ${LIMITS.witnessMessageBytes} bytes`);
  const all = decodeUtf8(bytes);
  if (all === undefined) return wrong('it is not UTF-8');
  const blank = all.indexOf('\n\n');
  if (blank < 0) return wrong('no empty line before the checkpoint');
  const [first = '', ...lines] = all.slice(0, blank).split('\n', LIMITS.proofHashes + 2);
  const oldSize = first.startsWith('old ') ? sizeOf(first.slice('old '.length)) : undefined;
  if (oldSize === undefined) return wrong('the first line is not "old " and a size');
  if (lines.length > LIMITS.proofHashes) return wrong(`a proof has at most ${LIMITS.proofHashes} hashes`);
  const proof: Uint8Array[] = [];
  for (const line of lines) {
    const hash = decodeBase64(line);
    if (hash?.length !== HASH_BYTES) return wrong('a line of the proof is not the base64 of 32 bytes');
    proof.push(hash);
  }
  const note = encodeUtf8(all.slice(blank + 2));
  try {
    return { oldSize, proof, note, claimed: parseCheckpoint(parseNote(note).text) };
  } catch (error) {
    if (isTallyError(error)) return wrong(error.message);
    throw error;
  }
}

/** The last checkpoint of an origin that the witness cosigned; size 0 and the empty root for none. */
export type Latest = Pick<Checkpoint, 'size' | 'root'>;

export type WitnessAnswer =
  /** Remember it, and then cosign it. */
  | { readonly status: 200; readonly checkpoint: VerifiedCheckpoint }
  | { readonly status: 409; readonly size: number }
  | { readonly status: 400 | 403 | 422; readonly reason: string };

/**
 * What a witness answers. `keys`: those it trusts for the origin that the request claims; an origin without any is a 404
 * and does not come here. `latest` must stay what it is until the answer has been carried out. Never throws.
 */
export function judgeSubmission(
  submission: Submission,
  keys: readonly Verifier[],
  latest: Latest,
): WitnessAnswer {
  const { oldSize, proof, note } = submission;
  const checkpoint = opened(note, keys);
  if (typeof checkpoint === 'string') return { status: 403, reason: checkpoint };
  if (oldSize > checkpoint.size)
    return { status: 400, reason: `the old size ${oldSize} is larger than that of the checkpoint` };
  if (oldSize !== latest.size) return { status: 409, size: latest.size };
  try {
    checkConsistency(proof, latest.size, latest.root, checkpoint.size, checkpoint.root);
  } catch (error) {
    if (isTallyError(error)) return { status: 422, reason: error.message };
    throw error;
  }
  return { status: 200, checkpoint };
}

/** Or why not. */
function opened(note: Uint8Array, keys: readonly Verifier[]): VerifiedCheckpoint | string {
  try {
    return openCheckpoint(note, keys);
  } catch (error) {
    if (isTallyError(error)) return error.message;
    throw error;
  }
}

export function encodeCosignatures(lines: readonly NoteSignature[]): Uint8Array {
  return encodeUtf8(lines.map(encodeSignatureLine).join(''));
}

/** The body of a 200. `undefined` when it is anything but one to 100 signature lines. Nothing is verified. */
export function parseCosignatures(bytes: Uint8Array): readonly NoteSignature[] | undefined {
  const all = bytes.length <= LIMITS.witnessMessageBytes ? decodeUtf8(bytes) : undefined;
  if (all === undefined || !all.endsWith('\n')) return undefined;
  const lines = all.slice(0, -1).split('\n', LIMITS.noteSignatures + 1);
  if (lines.length > LIMITS.noteSignatures) return undefined;
  try {
    return lines.map(parseSignatureLine);
  } catch (error) {
    if (isTallyError(error)) return undefined;
    throw error;
  }
}

export function encodeSize(size: number): Uint8Array {
  return encodeUtf8(`${size}\n`);
}

/** The body of a 409. `undefined` when it is not one canonical size and a newline. */
export function parseSize(bytes: Uint8Array): number | undefined {
  const text = bytes.length <= LIMITS.witnessMessageBytes ? decodeUtf8(bytes) : undefined;
  return text?.endsWith('\n') === true ? sizeOf(text.slice(0, -1)) : undefined;
}
