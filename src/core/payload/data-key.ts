/**
 * The key of some payloads, as it is stored: wrapped by a key that derives from the tenant's master key, one file each,
 * outside of the log. Destroying that file erases what was sealed with it.
 *
 * What the file says (run, class, whose data) decides what is erased with it, so it is bound into the wrapping: a file
 * that was renamed or relabelled does not unwrap.
 */
import { z } from 'zod';
import { aesGcmOpen, aesGcmSeal, GCM_NONCE_BYTES } from '../aes-gcm.ts';
import { concatBytes, decodeBase64, decodeUtf8, encodeBase64, encodeUtf8 } from '../bytes.ts';
import { canonicalize } from '../canonical.ts';
import { KEY_LABELS } from '../fingerprint.ts';
import { hkdfSha256 } from '../hash.ts';
import { LIMITS } from '../limits.ts';
import { DATA_KEY_BYTES } from './blob.ts';
import { KEY_ID } from './key-names.ts';

export const DATA_KEY_FORMAT = 'tallystick-data-key/1';

const text = z.string().min(1).max(LIMITS.idChars);
const DataKeyFileSchema = z.strictObject({
  format: z.literal(DATA_KEY_FORMAT),
  key_id: z.string().regex(KEY_ID),
  tenant_id: text,
  class: text,
  run_id: text.optional(),
  /** HMAC of the subject: files of keys must not be a list of people. */
  subject_hash: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
  created: text,
  /** b64(nonce || AES-256-GCM(wrapping key, nonce, about, data key) || tag) */
  wrapped: text,
});
export type DataKeyFile = z.infer<typeof DataKeyFileSchema>;
export type DataKeyAbout = Omit<DataKeyFile, 'format' | 'wrapped'>;

/** HKDF of the tenant's master key, label `wrap`. It wraps fewer than 2^32 keys, so random nonces do not meet. */
export function wrappingKey(masterKey: Uint8Array): Uint8Array {
  return hkdfSha256(masterKey, KEY_LABELS.wrap);
}

/** `nonce`: 12 random bytes. */
export function encodeDataKey(
  about: DataKeyAbout,
  key: Uint8Array,
  wrapping: Uint8Array,
  nonce: Uint8Array,
): Uint8Array {
  const sealed = aesGcmSeal(wrapping, nonce, aadOf(about), key);
  const file: DataKeyFile = {
    format: DATA_KEY_FORMAT,
    ...about,
    wrapped: encodeBase64(concatBytes(nonce, sealed)),
  };
  return encodeUtf8(`${JSON.stringify(file)}\n`);
}

/** What a file says it is for; undefined when it is no data key. Not checked before it is unwrapped. */
export function parseDataKey(bytes: Uint8Array): DataKeyFile | undefined {
  if (bytes.length > LIMITS.dataKeyFileBytes) return undefined;
  try {
    return DataKeyFileSchema.safeParse(JSON.parse(decodeUtf8(bytes) ?? '')).data;
  } catch {
    // Not JSON, so no data key.
    return undefined;
  }
}

/** undefined when it was wrapped by another master key, or altered. */
export function unwrapDataKey(file: DataKeyFile, wrapping: Uint8Array): Uint8Array | undefined {
  const wrapped = decodeBase64(file.wrapped);
  if (wrapped === undefined || wrapped.length < GCM_NONCE_BYTES) return undefined;
  const { format: _format, wrapped: _wrapped, ...about } = file;
  const key = aesGcmOpen(
    wrapping,
    wrapped.subarray(0, GCM_NONCE_BYTES),
    aadOf(about),
    wrapped.subarray(GCM_NONCE_BYTES),
  );
  return key?.length === DATA_KEY_BYTES ? key : undefined;
}

function aadOf({ key_id, tenant_id, class: of, run_id, subject_hash, created }: DataKeyAbout): Uint8Array {
  const parts = [DATA_KEY_FORMAT, tenant_id, key_id, of, run_id ?? null, subject_hash ?? null, created];
  return encodeUtf8(canonicalize(parts));
}
