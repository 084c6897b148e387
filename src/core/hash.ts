/**
 * Every hash, MAC and signature of the core. This is the only file of the core that imports node:crypto: a build for
 * another runtime replaces it and nothing else.
 *
 * `hash()` one-shot with a string output is the fastest way to SHA-256 in Node: a Buffer output costs as much again as
 * hashing 800 bytes does. So digests that end up as bytes travel through latin1 (which this API calls binary).
 */
import {
  createPrivateKey,
  createPublicKey,
  hash,
  hkdfSync,
  type KeyObject,
  sign as signWith,
  timingSafeEqual,
  verify as verifyWith,
} from 'node:crypto';
import { concatBytes } from './bytes.ts';
import { TallyError } from './error.ts';

export const HASH_BYTES = 32;

export function sha256Hex(data: Uint8Array | string): string {
  return hash('sha256', data, 'hex');
}

export function sha256Base64(data: Uint8Array | string): string {
  return hash('sha256', data, 'base64');
}

const digest = Buffer.alloc(HASH_BYTES);

/** Writes the 32 bytes of SHA-256(data) to `target` at `offset`. */
export function sha256Into(data: Uint8Array, target: Uint8Array, offset: number): void {
  digest.write(hash('sha256', data, 'binary'), 0, HASH_BYTES, 'latin1');
  target.set(digest, offset);
}

/** The same, and the digest's base64 too: one hash for callers that need both forms. */
export function sha256Base64Into(data: Uint8Array, target: Uint8Array, offset: number): string {
  const base64 = hash('sha256', data, 'base64');
  digest.write(base64, 0, HASH_BYTES, 'base64');
  target.set(digest, offset);
  return base64;
}

export function sha256(data: Uint8Array | string): Uint8Array {
  const out = new Uint8Array(HASH_BYTES);
  digest.write(hash('sha256', data, 'binary'), 0, HASH_BYTES, 'latin1');
  out.set(digest);
  return out;
}

const BLOCK_BYTES = 64;
/** Messages up to this size are MACed in one reused buffer. */
const SCRATCH_BYTES = 64 * 1024;

export type Mac = (data: Uint8Array | string) => string;

/**
 * HMAC-SHA256 (RFC 2104) under one key, as lower-case hex. The padded keys are prepared once: `createHmac` costs 15 µs
 * a call, this 1.5. The message is wiped from the working buffer before the call returns; the key stays in it as long
 * as the returned function lives.
 */
export function hmacSha256(key: Uint8Array): Mac {
  const short = key.length > BLOCK_BYTES ? sha256(key) : key;
  const inner = new Uint8Array(BLOCK_BYTES + SCRATCH_BYTES);
  const outer = new Uint8Array(BLOCK_BYTES + HASH_BYTES);
  for (let i = 0; i < BLOCK_BYTES; i++) {
    const byte = short[i] ?? 0;
    inner[i] = byte ^ 0x36;
    outer[i] = byte ^ 0x5c;
  }
  const innerPad = inner.subarray(0, BLOCK_BYTES);
  const encoder = new TextEncoder();

  return (data) => {
    // A UTF-16 unit is at most three bytes of UTF-8.
    const bound = typeof data === 'string' ? data.length * 3 : data.length;
    if (bound > SCRATCH_BYTES) {
      const bytes = typeof data === 'string' ? encoder.encode(data) : data;
      const whole = concatBytes(innerPad, bytes);
      sha256Into(whole, outer, BLOCK_BYTES);
      whole.fill(0);
      return hash('sha256', outer, 'hex');
    }
    const room = inner.subarray(BLOCK_BYTES);
    let length = data.length;
    if (typeof data === 'string') length = encoder.encodeInto(data, room).written;
    else room.set(data);
    sha256Into(inner.subarray(0, BLOCK_BYTES + length), outer, BLOCK_BYTES);
    room.fill(0, 0, length);
    return hash('sha256', outer, 'hex');
  };
}

/** HKDF-SHA256 (RFC 5869) with an empty salt. `label` separates the uses of one key. */
export function hkdfSha256(key: Uint8Array, label: string, bytes = HASH_BYTES): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', key, new Uint8Array(0), label, bytes));
}

/** Constant time for secrets of equal length, and blind to where they differ in length. */
export function equalSecret(a: Uint8Array | string, b: Uint8Array | string): boolean {
  return timingSafeEqual(sha256(a), sha256(b));
}

/** DER in front of a raw Ed25519 key (RFC 8410). */
const PKCS8_PREFIX = new Uint8Array([48, 46, 2, 1, 0, 48, 5, 6, 3, 43, 101, 112, 4, 34, 4, 32]);
const SPKI_PREFIX = new Uint8Array([48, 42, 48, 5, 6, 3, 43, 101, 112, 3, 33, 0]);

export const ED25519_KEY_BYTES = 32;
export const ED25519_SIGNATURE_BYTES = 64;

function requireKeyBytes(key: Uint8Array): void {
  if (key.length !== ED25519_KEY_BYTES)
    throw new TallyError(
      'KEY_MALFORMED',
      `an Ed25519 key has ${ED25519_KEY_BYTES} bytes, not ${key.length}`,
      {
        hint: 'give the raw key; a vkey or skey is decoded first',
      },
    );
}

export interface Ed25519Signer {
  readonly publicKey: Uint8Array;
  sign(message: Uint8Array): Uint8Array;
}

/** `seed` is the raw 32-byte private key of RFC 8032. It is parsed once. */
export function ed25519Signer(seed: Uint8Array): Ed25519Signer {
  requireKeyBytes(seed);
  const der = concatBytes(PKCS8_PREFIX, seed);
  const key: KeyObject = createPrivateKey({ key: Buffer.from(der.buffer), format: 'der', type: 'pkcs8' });
  der.fill(0);
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
  return {
    publicKey: new Uint8Array(spki.subarray(SPKI_PREFIX.length)),
    sign: (message) => new Uint8Array(signWith(null, message, key)),
  };
}

export type Ed25519Verify = (message: Uint8Array, signature: Uint8Array) => boolean;

/** `publicKey` is the raw 32-byte key. Bytes that are no point on the curve verify nothing. */
export function ed25519Verifier(publicKey: Uint8Array): Ed25519Verify {
  requireKeyBytes(publicKey);
  const der = concatBytes(SPKI_PREFIX, publicKey);
  const key = createPublicKey({ key: Buffer.from(der.buffer), format: 'der', type: 'spki' });
  return (message, signature) =>
    signature.length === ED25519_SIGNATURE_BYTES && verifyWith(null, message, key, signature);
}
