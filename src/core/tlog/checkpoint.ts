/**
 * Checkpoints (C2SP tlog-checkpoint v1.0.0): the signed size and root of a log.
 *
 *     text = origin "\n" size "\n" b64(root) "\n"
 *
 * Extension lines are neither written nor read: real witnesses refuse them.
 */
import { decodeBase64, encodeBase64 } from '../bytes.ts';
import { invariant, TallyError } from '../error.ts';
import { HASH_BYTES } from '../hash.ts';
import { isKeyName, type Signer, type Verifier } from './key.ts';
import { type NoteSignature, openNote, signNote } from './note.ts';

export interface Checkpoint {
  /** The log's name, and the name of its key. */
  readonly origin: string;
  readonly size: number;
  readonly root: Uint8Array;
}

declare const verified: unique symbol;

/** Made by `openCheckpoint` only: a key of the log signed it. */
export interface VerifiedCheckpoint extends Checkpoint {
  readonly [verified]: true;
  /** The confirmed signatures, the log's own and any other known one. */
  readonly signatures: readonly NoteSignature[];
}

function malformed(what: string): TallyError {
  return new TallyError('CHECKPOINT_MALFORMED', `this checkpoint does not parse: ${what}`);
}

export function encodeCheckpoint({ origin, size, root }: Checkpoint): string {
  invariant(isKeyName(origin), 'an origin is a key name');
  invariant(Number.isSafeInteger(size) && size >= 0, 'a size is a safe integer');
  invariant(root.length === HASH_BYTES, 'a root has 32 bytes');
  return `${origin}\n${size}\n${encodeBase64(root)}\n`;
}

/** Accepts exactly what `encodeCheckpoint` writes. Throws `CHECKPOINT_MALFORMED`. */
export function parseCheckpoint(text: string): Checkpoint {
  const [origin, size, root, end, ...more] = text.split('\n', 5);
  if (origin === undefined || size === undefined || root === undefined || end !== '' || more.length > 0)
    throw malformed('it is not three lines: origin, size, root');
  if (!isKeyName(origin)) throw malformed('its origin is not a key name');
  if (!/^(0|[1-9]\d{0,15})$/.test(size) || !Number.isSafeInteger(Number(size)))
    throw malformed('its size is not a decimal number below 2^53 without leading zeros');
  const hash = decodeBase64(root);
  if (hash?.length !== HASH_BYTES) throw malformed('its root is not the canonical base64 of 32 bytes');
  return { origin, size: Number(size), root: hash };
}

/** A signed note, ready to publish. */
export function signCheckpoint(checkpoint: Checkpoint, signers: readonly Signer[]): Uint8Array {
  return signNote(encodeCheckpoint(checkpoint), signers);
}

/**
 * Opens a signed checkpoint: at least one of its confirmed signatures must be by a key named like its origin (a witness
 * alone does not speak for the log).
 *
 * Errors: `NOTE_MALFORMED`, `NOTE_UNVERIFIED`, `CHECKPOINT_MALFORMED`.
 */
export function openCheckpoint(bytes: Uint8Array, verifiers: readonly Verifier[]): VerifiedCheckpoint {
  const note = openNote(bytes, verifiers);
  const checkpoint = parseCheckpoint(note.text);
  if (!note.verified.some(({ name }) => name === checkpoint.origin))
    throw new TallyError('NOTE_UNVERIFIED', `no given key signed this checkpoint for ${checkpoint.origin}`);
  // The brand has no value: this is the one place that may claim it.
  return { ...checkpoint, signatures: note.verified } as VerifiedCheckpoint;
}
