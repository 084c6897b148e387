/**
 * Cosignatures (C2SP tlog-cosignature v1.0.1, Ed25519): a witness says that, as of a time, the largest tree it saw of this
 * origin had this root, and that it continued every one it saw before.
 *
 *     keyid4    = H(name || 0x0A || 0x04 || pub)[0:4]          vkey and skey as in key.ts, with type 0x04
 *     blob      = keyid4 || uint64BE time || sig64             in the signature line of a note
 *     signed    = "cosignature/v1\ntime " time "\n" || text of the checkpoint
 *
 * A cosigner is no `Verifier` on purpose: a witness that takes a log's name must not pass for the log.
 */
import { concatBytes, encodeBase64, encodeUtf8 } from '../bytes.ts';
import { invariant, TallyError } from '../error.ts';
import { ED25519_KEY_BYTES, ED25519_SIGNATURE_BYTES, ed25519Signer, ed25519Verifier } from '../hash.ts';
import { LIMITS } from '../limits.ts';
import { encodeSkey, encodeVkey, isKeyName, KEY_TYPES, keyId, parseSkey, parseVkey } from './key.ts';
import { type Note, type NoteSignature, parseNote, signNote } from './note.ts';

const TIME_BYTES = 8;

/** The public half: checks what one witness signed. */
export interface CosignatureVerifier {
  readonly name: string;
  /** 8 lower-case hex digits. */
  readonly keyId: string;
  readonly vkey: string;
  /** Base64: two keys are one witness when this is the same, whatever their names. */
  readonly publicKey: string;
  /**
   * `signature`: without the key id. Gives the time it was made, in whole seconds since 1970, when it is this key's over
   * `text`; otherwise `undefined`, also for a time of 0 and one after the year 9999.
   */
  check(text: Uint8Array, signature: Uint8Array): number | undefined;
}

export interface Cosigner {
  readonly name: string;
  readonly keyId: string;
  /** The published half. */
  readonly vkey: string;
  /** `time`: whole seconds since 1970, at least 1. */
  cosign(text: Uint8Array, time: number): NoteSignature;
}

/** One cosignature that holds. */
export interface Cosignature {
  readonly name: string;
  readonly keyId: string;
  /** Seconds since 1970, as the witness says. */
  readonly time: number;
}

function malformed(what: string): TallyError {
  // The text is not quoted: it may be a private key.
  return new TallyError('KEY_MALFORMED', what, {
    hint: 'give the key of the witness exactly as it was printed, on one line',
  });
}

function isTime(seconds: number): boolean {
  return Number.isSafeInteger(seconds) && seconds > 0 && seconds <= LIMITS.cosignatureSeconds;
}

function signedBytes(text: Uint8Array, time: number): Uint8Array {
  return concatBytes(encodeUtf8(`cosignature/v1\ntime ${time}\n`), text);
}

/** Throws `KEY_MALFORMED`, also for a key that is not a witness's (type 4). */
export function cosignatureVerifier(vkey: string): CosignatureVerifier {
  const { name, keyId: id, type, publicKey } = parseVkey(vkey);
  if (type === KEY_TYPES.ed25519)
    throw malformed(`this is the key of a log (type 1), not of a witness (type 4): ${name}`);
  if (type !== KEY_TYPES.cosignature || publicKey.length !== ED25519_KEY_BYTES)
    throw malformed(`this version checks Ed25519 cosignatures (type 4) only, not type ${type}`);
  const verify = ed25519Verifier(publicKey);
  return {
    name,
    keyId: id,
    vkey,
    publicKey: encodeBase64(publicKey),
    check(text, signature) {
      if (signature.length !== TIME_BYTES + ED25519_SIGNATURE_BYTES) return undefined;
      const stated = new DataView(signature.buffer, signature.byteOffset, TIME_BYTES).getBigUint64(0);
      const time = Number(stated);
      if (!isTime(time)) return undefined;
      return verify(signedBytes(text, time), signature.subarray(TIME_BYTES)) ? time : undefined;
    },
  };
}

/** Throws `KEY_MALFORMED`. */
export function cosignerFromSkey(skey: string): Cosigner {
  const { name, id, type, seed } = parseSkey(skey);
  if (type !== KEY_TYPES.cosignature)
    throw malformed('this is not the private key of a witness, which has type 4');
  const { publicKey, sign } = ed25519Signer(seed);
  if (keyId(name, type, publicKey) !== id)
    throw malformed(`the id ${id} does not belong to this private key of ${name}`);
  return {
    name,
    keyId: id,
    vkey: encodeVkey(name, type, publicKey),
    cosign(text, time) {
      invariant(isTime(time), 'a cosignature is made at a whole second after 1970');
      const stated = new Uint8Array(TIME_BYTES);
      new DataView(stated.buffer).setBigUint64(0, BigInt(time));
      return { name, keyId: id, signature: concatBytes(stated, sign(signedBytes(text, time))) };
    },
  };
}

/** A new witness key. `seed`: 32 bytes from a cryptographic source. Throws `KEY_MALFORMED` for a name that cannot be one. */
export function makeCosignerKey(
  name: string,
  seed: Uint8Array,
): { readonly skey: string; readonly vkey: string } {
  if (!isKeyName(name)) throw malformed('the name of a key is not empty and has no space and no "+"');
  const { publicKey } = ed25519Signer(seed);
  const type = KEY_TYPES.cosignature;
  const id = keyId(name, type, publicKey);
  return { skey: encodeSkey(name, id, type, seed), vkey: encodeVkey(name, type, publicKey) };
}

export interface FoundCosignatures {
  /** In the order of the lines; a witness may have several. */
  readonly verified: readonly Cosignature[];
  /** Lines that carry the name and key id of a given witness and do not hold: the note was tampered with. */
  readonly failed: readonly Pick<Cosignature, 'name' | 'keyId'>[];
}

/** What the given witnesses signed on this note. Lines of others are ignored. Bounded by the lines a note may have. */
export function cosignaturesOn(
  note: Pick<Note, 'text' | 'signatures'>,
  witnesses: readonly CosignatureVerifier[],
): FoundCosignatures {
  const text = encodeUtf8(note.text);
  const verified: Cosignature[] = [];
  const failed: Pick<Cosignature, 'name' | 'keyId'>[] = [];
  for (const { name, keyId: id, signature } of note.signatures) {
    // 32-bit ids can collide: two keys may share a pair, and then either may have signed.
    const known = witnesses.filter((witness) => witness.name === name && witness.keyId === id);
    if (known.length === 0) continue;
    const time = known.map((witness) => witness.check(text, signature)).find((found) => found !== undefined);
    if (time === undefined) failed.push({ name, keyId: id });
    else verified.push({ name, keyId: id, time });
  }
  return { verified, failed };
}

/**
 * `note` with `lines` added after its own; a line by the same name and key id is replaced. Nothing is verified. Throws
 * `NOTE_MALFORMED` for a note that does not parse.
 */
export function mergeSignatures(note: Uint8Array, lines: readonly NoteSignature[]): Uint8Array {
  const { text, signatures } = parseNote(note);
  const kept = signatures.filter(
    (old) => !lines.some(({ name, keyId: id }) => name === old.name && id === old.keyId),
  );
  return signNote(text, [], [...kept, ...lines]);
}
