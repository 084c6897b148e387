/**
 * One payload as it lies in a pack (spec/log.md, "Packs"):
 *
 *     blob = 0x01 || nonce (12) || AES-256-GCM(data key, nonce, about, salt (16) || plain) || tag (16)
 *
 * `cipher_hash` is over the blob, so anybody can check it without a key. `commit` is over salt and plain, and the salt is
 * inside: once the key is gone, nobody can confirm a guess of the plain text.
 */
import { AES_KEY_BYTES, aesGcmOpen, aesGcmSeal, GCM_NONCE_BYTES, GCM_TAG_BYTES } from '../aes-gcm.ts';
import { concatBytes, encodeUtf8 } from '../bytes.ts';
import { canonicalize } from '../canonical.ts';
import { sha256Hex } from '../hash.ts';

export const BLOB_VERSION = 1;
export const SALT_BYTES = 16;
export const DATA_KEY_BYTES = AES_KEY_BYTES;
const HEAD_BYTES = 1 + GCM_NONCE_BYTES;
/** A blob is this much longer than what it holds. */
export const BLOB_OVERHEAD = HEAD_BYTES + SALT_BYTES + GCM_TAG_BYTES;

/** Which payload a blob is. Bound into it: put in the place of another, it does not open. */
export interface BlobOf {
  readonly tenant_id: string;
  readonly key_id: string;
  /** The `id` of the entry that cites it. */
  readonly entry_id: string;
}

export interface SealedBlob {
  readonly blob: Uint8Array;
  readonly commit: string;
  readonly cipher_hash: string;
}

/** `salt` is 16 random bytes, `nonce` 12 that never come twice under `key`. Pure. */
export function sealBlob(input: {
  readonly of: BlobOf;
  readonly key: Uint8Array;
  readonly nonce: Uint8Array;
  readonly salt: Uint8Array;
  readonly plain: Uint8Array;
}): SealedBlob {
  const { of, key, nonce, salt, plain } = input;
  const salted = concatBytes(salt, plain);
  const sealed = aesGcmSeal(key, nonce, aadOf(of), salted);
  const commit = sha256Hex(salted);
  salted.fill(0);
  const blob = concatBytes(Uint8Array.of(BLOB_VERSION), nonce, sealed);
  return { blob, commit, cipher_hash: sha256Hex(blob) };
}

/** Why a blob does not give its payload. `format`: a newer version, or no blob at all. */
export type BlobFault = 'cipher_hash' | 'format' | 'key' | 'commit';

export type OpenedBlob =
  | { readonly ok: true; readonly plain: Uint8Array }
  | { readonly ok: false; readonly fault: BlobFault };

/** Nothing of a blob is decrypted before its hash is right, and nothing is given out before `commit` is. */
export function openBlob(input: {
  readonly of: BlobOf;
  readonly key: Uint8Array;
  readonly blob: Uint8Array;
  readonly commit: string;
  readonly cipher_hash: string;
}): OpenedBlob {
  const { of, key, blob, commit, cipher_hash } = input;
  if (sha256Hex(blob) !== cipher_hash) return { ok: false, fault: 'cipher_hash' };
  if (blob.length < BLOB_OVERHEAD || blob[0] !== BLOB_VERSION) return { ok: false, fault: 'format' };
  const salted = aesGcmOpen(key, blob.subarray(1, HEAD_BYTES), aadOf(of), blob.subarray(HEAD_BYTES));
  if (salted === undefined) return { ok: false, fault: 'key' };
  if (sha256Hex(salted) !== commit) return { ok: false, fault: 'commit' };
  return { ok: true, plain: salted.subarray(SALT_BYTES) };
}

function aadOf({ tenant_id, key_id, entry_id }: BlobOf): Uint8Array {
  return encodeUtf8(canonicalize(['tallystick-payload/1', tenant_id, key_id, entry_id]));
}
