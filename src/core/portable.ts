/**
 * SHA-256 and Ed25519 in plain JavaScript, for a runtime without node:crypto. Only the public entry of the verifier
 * loads this file: the command line does not pay for it.
 */
import { hashes, verify } from '@noble/ed25519';
import { sha256, sha512 } from '@noble/hashes/sha2.js';
import type { Primitives } from './hash.ts';

hashes.sha512 = sha512;

export const portablePrimitives: Primitives = {
  sha256,
  // RFC 8032 to the letter, as OpenSSL checks it, and not the wider rule of ZIP 215: one answer on every runtime.
  ed25519Verify(publicKey, message, signature) {
    try {
      return verify(signature, message, publicKey, { zip215: false });
    } catch {
      // Bytes that are no point of the curve, or no scalar: they verify nothing.
      return false;
    }
  },
};
