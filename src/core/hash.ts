/**
 * Every hash, MAC and signature of the core, on node:crypto where it is (host.ts), otherwise on what `providePrimitives`
 * was given. A build for another runtime replaces the primitives and nothing else.
 *
 * `hash()` one-shot with a string output is the fastest way to SHA-256 in Node: a Buffer output costs as much again as
 * hashing 800 bytes does. So digests that end up as bytes travel through latin1 (which this API calls binary).
 */
import type { KeyObject } from 'node:crypto';
import { concatBytes, encodeBase64, encodeHex, encodeUtf8 } from './bytes.ts';
import { invariant, TallyError } from './error.ts';
import { NodeBuffer, nodeCrypto } from './host.ts';

export const HASH_BYTES = 32;

/** What a runtime without node:crypto has to bring for verification. Synchronous and pure. */
export interface Primitives {
  sha256(data: Uint8Array): Uint8Array;
  /** Raw keys and signatures (RFC 8032). False, never an exception, for bytes that are no key or no signature. */
  ed25519Verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
}

interface Digests {
  hex(data: Uint8Array | string): string;
  base64(data: Uint8Array | string): string;
  into(data: Uint8Array | string, target: Uint8Array, offset: number): void;
  base64Into(data: Uint8Array, target: Uint8Array, offset: number): string;
}

function nodeDigests({ hash }: typeof import('node:crypto'), buffer: Buffer): Digests {
  return {
    hex: (data) => hash('sha256', data, 'hex'),
    base64: (data) => hash('sha256', data, 'base64'),
    into(data, target, offset) {
      buffer.write(hash('sha256', data, 'binary'), 0, HASH_BYTES, 'latin1');
      target.set(buffer, offset);
    },
    base64Into(data, target, offset) {
      const base64 = hash('sha256', data, 'base64');
      buffer.write(base64, 0, HASH_BYTES, 'base64');
      target.set(buffer, offset);
      return base64;
    },
  };
}

function portableDigests(sha256: Primitives['sha256']): Digests {
  const digest = (data: Uint8Array | string): Uint8Array =>
    sha256(typeof data === 'string' ? encodeUtf8(data) : data);
  return {
    hex: (data) => encodeHex(digest(data)),
    base64: (data) => encodeBase64(digest(data)),
    into: (data, target, offset) => target.set(digest(data), offset),
    base64Into(data, target, offset) {
      const bytes = digest(data);
      target.set(bytes, offset);
      return encodeBase64(bytes);
    },
  };
}

let primitives: Primitives | undefined;
let digests: Digests | undefined =
  nodeCrypto === undefined || NodeBuffer === undefined
    ? undefined
    : nodeDigests(nodeCrypto, NodeBuffer.alloc(HASH_BYTES));

/** Takes effect where there is no node:crypto only. To be called before the first hash. */
export function providePrimitives(given: Primitives): void {
  if (nodeCrypto !== undefined) return;
  primitives = given;
  digests = portableDigests(given.sha256);
}

function backend(): Digests {
  invariant(digests !== undefined, 'a runtime without node:crypto provides its primitives first');
  return digests;
}

/** For what verification does not need: secrets and signing stay with node:crypto. */
function requireCrypto(): typeof import('node:crypto') {
  invariant(nodeCrypto !== undefined, 'secrets and signing need node:crypto');
  return nodeCrypto;
}

export function sha256Hex(data: Uint8Array | string): string {
  return backend().hex(data);
}

export function sha256Base64(data: Uint8Array | string): string {
  return backend().base64(data);
}

/** Writes the 32 bytes of SHA-256(data) to `target` at `offset`. */
export function sha256Into(data: Uint8Array, target: Uint8Array, offset: number): void {
  backend().into(data, target, offset);
}

/** The same, and the digest's base64 too: one hash for callers that need both forms. */
export function sha256Base64Into(data: Uint8Array, target: Uint8Array, offset: number): string {
  return backend().base64Into(data, target, offset);
}

export function sha256(data: Uint8Array | string): Uint8Array {
  const out = new Uint8Array(HASH_BYTES);
  backend().into(data, out, 0);
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
      return sha256Hex(outer);
    }
    const room = inner.subarray(BLOCK_BYTES);
    let length = data.length;
    if (typeof data === 'string') length = encoder.encodeInto(data, room).written;
    else room.set(data);
    sha256Into(inner.subarray(0, BLOCK_BYTES + length), outer, BLOCK_BYTES);
    room.fill(0, 0, length);
    return sha256Hex(outer);
  };
}

/** HKDF-SHA256 (RFC 5869) with an empty salt. `label` separates the uses of one key. */
export function hkdfSha256(key: Uint8Array, label: string, bytes = HASH_BYTES): Uint8Array {
  return new Uint8Array(requireCrypto().hkdfSync('sha256', key, new Uint8Array(0), label, bytes));
}

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

/** Constant time for secrets of equal length, and blind to where they differ in length. */
export function equalSecret(a: Uint8Array | string, b: Uint8Array | string): boolean {
  return requireCrypto().timingSafeEqual(sha256(a), sha256(b));
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
  const { createPrivateKey, createPublicKey, sign } = requireCrypto();
  const der = concatBytes(PKCS8_PREFIX, seed);
  const key: KeyObject = createPrivateKey({ key: inBuffer(der), format: 'der', type: 'pkcs8' });
  der.fill(0);
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
  return {
    publicKey: new Uint8Array(spki.subarray(SPKI_PREFIX.length)),
    sign: (message) => new Uint8Array(sign(null, message, key)),
  };
}

export type Ed25519Verify = (message: Uint8Array, signature: Uint8Array) => boolean;

/** `publicKey` is the raw 32-byte key. Bytes that are no point on the curve verify nothing. */
export function ed25519Verifier(publicKey: Uint8Array): Ed25519Verify {
  requireKeyBytes(publicKey);
  const check =
    nodeCrypto === undefined ? portableCheck(publicKey.slice()) : nodeCheck(nodeCrypto, publicKey);
  return (message, signature) => signature.length === ED25519_SIGNATURE_BYTES && check(message, signature);
}

function nodeCheck(crypto: typeof import('node:crypto'), publicKey: Uint8Array): Ed25519Verify {
  const der = inBuffer(concatBytes(SPKI_PREFIX, publicKey));
  const key = crypto.createPublicKey({ key: der, format: 'der', type: 'spki' });
  return (message, signature) => crypto.verify(null, message, key, signature);
}

function portableCheck(publicKey: Uint8Array): Ed25519Verify {
  return (message, signature) => {
    invariant(primitives !== undefined, 'a runtime without node:crypto provides its primitives first');
    return primitives.ed25519Verify(publicKey, message, signature);
  };
}

/** The same memory, as node:crypto wants it. */
function inBuffer(bytes: Uint8Array): Buffer {
  invariant(NodeBuffer !== undefined, 'node:crypto comes with Buffer');
  return NodeBuffer.from(bytes.buffer);
}
