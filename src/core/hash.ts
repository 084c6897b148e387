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
  each(stretches: Stretches, target: Uint8Array, offset: number): void;
}

/** Bytes one after the other: the first stretch starts at `from`, and each ends where the next one starts. */
export interface Stretches {
  readonly bytes: Uint8Array;
  readonly from: number;
  /** Where stretch i ends: `ends[i * stride]`. */
  readonly ends: Int32Array;
  readonly stride: number;
  readonly count: number;
}

function nodeDigests({ hash }: typeof import('node:crypto'), buffers: typeof Buffer): Digests {
  const buffer = buffers.alloc(HASH_BYTES);
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
    each({ bytes, from, ends, stride, count }, target, offset) {
      const { buffer: memory, byteOffset } = bytes;
      // One write for all digests: a write for each costs a tenth of hashing 800 bytes.
      let digests = '';
      let start = from;
      for (let i = 0; i < count; i++) {
        const end = ends[i * stride] ?? start;
        digests += hash('sha256', new Uint8Array(memory, byteOffset + start, end - start), 'binary');
        start = end;
      }
      const { buffer: into, byteOffset: at, length } = target;
      buffers.from(into, at, length).write(digests, offset, 'latin1');
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
    each({ bytes, from, ends, stride, count }, target, offset) {
      let start = from;
      for (let i = 0; i < count; i++) {
        const end = ends[i * stride] ?? start;
        target.set(digest(bytes.subarray(start, end)), offset + i * HASH_BYTES);
        start = end;
      }
    },
  };
}

let primitives: Primitives | undefined;
let digests: Digests | undefined =
  nodeCrypto === undefined || NodeBuffer === undefined ? undefined : nodeDigests(nodeCrypto, NodeBuffer);

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

/** Writes the SHA-256 of each stretch to `target`, one after the other from `offset` on. */
export function sha256Each(stretches: Stretches, target: Uint8Array, offset: number): void {
  backend().each(stretches, target, offset);
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
