/**
 * A few bytes under a passphrase: scrypt makes the key, AES-256-GCM seals. `context` is additional data: sealed bytes
 * cannot be moved to where another context is expected.
 */
import { createCipheriv, createDecipheriv, randomBytes, scrypt } from 'node:crypto';
import { decodeBase64 } from '../../core/bytes.ts';
import { LIMITS } from '../../core/limits.ts';

const CIPHER = 'aes-256-gcm';
const KEY_BYTES = 32;
const SALT_BYTES = 16;
/** NIST SP 800-38D: 96-bit nonces, 128-bit tags. */
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** RFC 7914. `n`, `r`, `p` are written beside the salt, so they can be raised without locking anyone out. */
export interface Kdf {
  readonly name: 'scrypt';
  readonly n: number;
  readonly r: number;
  readonly p: number;
  /** Base64. */
  readonly salt: string;
}

export interface Sealed {
  readonly nonce: string;
  /** Base64 of ciphertext and tag. */
  readonly data: string;
}

/** What OWASP asks for: 128 MiB and about a third of a second for one guess. */
export function freshKdf(): Kdf {
  return { name: 'scrypt', n: 2 ** 17, r: 8, p: 1, salt: randomBytes(SALT_BYTES).toString('base64') };
}

/** Whether computing it stays within bounds: the numbers come from a file. */
export function isBoundedKdf({ n, r, p }: Pick<Kdf, 'n' | 'r' | 'p'>): boolean {
  const powerOfTwo = n > 1 && Number.isInteger(Math.log2(n));
  return powerOfTwo && 128 * n * r <= LIMITS.scryptBytes && p <= 4;
}

function derive(passphrase: string, { n, r, p, salt }: Kdf): Promise<Buffer> {
  const options = { N: n, r, p, maxmem: 2 * LIMITS.scryptBytes };
  return new Promise((resolve, reject) => {
    // NFC: the same passphrase typed on another system must give the same bytes.
    scrypt(passphrase.normalize('NFC'), Buffer.from(salt, 'base64'), KEY_BYTES, options, (error, key) =>
      error === null ? resolve(key) : reject(error),
    );
  });
}

export async function sealBytes(
  bytes: Uint8Array,
  passphrase: string,
  kdf: Kdf,
  context: string,
): Promise<Sealed> {
  const key = await derive(passphrase, kdf);
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key, nonce);
  cipher.setAAD(Buffer.from(context));
  const data = Buffer.concat([cipher.update(bytes), cipher.final(), cipher.getAuthTag()]);
  key.fill(0);
  return { nonce: nonce.toString('base64'), data: data.toString('base64') };
}

/** undefined: the passphrase is not the one, or the file was altered; nobody can tell which. The caller wipes it. */
export async function unsealBytes(
  sealed: Sealed,
  passphrase: string,
  kdf: Kdf,
  context: string,
): Promise<Buffer | undefined> {
  const nonce = decodeBase64(sealed.nonce);
  const data = decodeBase64(sealed.data);
  if (nonce?.length !== NONCE_BYTES || data === undefined || data.length < TAG_BYTES) return undefined;
  const key = await derive(passphrase, kdf);
  const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
  key.fill(0);
  decipher.setAAD(Buffer.from(context));
  decipher.setAuthTag(data.subarray(data.length - TAG_BYTES));
  const bytes = decipher.update(data.subarray(0, data.length - TAG_BYTES));
  try {
    decipher.final();
  } catch {
    bytes.fill(0);
    return undefined;
  }
  return bytes;
}
