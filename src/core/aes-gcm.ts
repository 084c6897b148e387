/** Authenticated encryption of what only the operator may read. Verification needs none of it. */
import { concatBytes } from './bytes.ts';
import { invariant } from './error.ts';
import { nodeCrypto } from './host.ts';

export const AES_KEY_BYTES = 32;
export const GCM_NONCE_BYTES = 12;
export const GCM_TAG_BYTES = 16;

/**
 * AES-256-GCM (NIST SP 800-38D): ciphertext || tag. A nonce MUST NOT come twice under one key: whoever sees both results
 * learns the difference of the texts and can forge.
 */
export function aesGcmSeal(
  key: Uint8Array,
  nonce: Uint8Array,
  aad: Uint8Array,
  plain: Uint8Array,
): Uint8Array {
  invariant(key.length === AES_KEY_BYTES && nonce.length === GCM_NONCE_BYTES, 'sizes of AES-256-GCM');
  const cipher = requireCrypto().createCipheriv('aes-256-gcm', key, nonce);
  cipher.setAAD(aad);
  return concatBytes(cipher.update(plain), cipher.final(), cipher.getAuthTag());
}

/** undefined when the tag does not hold: another key, another `aad`, or altered bytes. */
export function aesGcmOpen(
  key: Uint8Array,
  nonce: Uint8Array,
  aad: Uint8Array,
  sealed: Uint8Array,
): Uint8Array | undefined {
  if (key.length !== AES_KEY_BYTES || nonce.length !== GCM_NONCE_BYTES || sealed.length < GCM_TAG_BYTES)
    return undefined;
  const end = sealed.length - GCM_TAG_BYTES;
  const decipher = requireCrypto().createDecipheriv('aes-256-gcm', key, nonce, {
    authTagLength: GCM_TAG_BYTES,
  });
  decipher.setAAD(aad);
  decipher.setAuthTag(sealed.subarray(end));
  const plain = decipher.update(sealed.subarray(0, end));
  try {
    decipher.final();
  } catch {
    // The tag does not hold, which is the answer. What was decrypted is nobody's business.
    plain.fill(0);
    return undefined;
  }
  return new Uint8Array(plain);
}

function requireCrypto(): NonNullable<typeof nodeCrypto> {
  invariant(nodeCrypto !== undefined, 'encryption needs node:crypto');
  return nodeCrypto;
}
