import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  CODECS,
  decodeBase64,
  decodeExactly,
  decodeHex,
  encodeBase64,
  encodeHex,
} from '../../src/core/bytes.ts';
import { ed25519Signer, ed25519Verifier, sha256 } from '../../src/core/hash.ts';
import { portablePrimitives } from '../../src/core/portable.ts';

const RUNS = { numRuns: 200 };

describe('the portable primitives', () => {
  it('hash as node:crypto does, at every length around the edges of a block', () => {
    for (let length = 0; length < 200; length++) {
      const data = new Uint8Array(length).fill(length);
      assert.deepEqual(portablePrimitives.sha256(data), sha256(data));
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 5000 }), (data) => {
        assert.deepEqual(portablePrimitives.sha256(data), sha256(data));
      }),
      RUNS,
    );
  });

  it('confirm the signatures that node:crypto makes, and no others', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        fc.uint8Array({ maxLength: 300 }),
        fc.nat({ max: 511 }),
        fc.nat({ max: 255 }),
        (seed, message, signatureBit, keyBit) => {
          const { publicKey, sign } = ed25519Signer(seed);
          const signature = sign(message);
          assert.equal(portablePrimitives.ed25519Verify(publicKey, message, signature), true);
          const flipped = (bytes: Uint8Array, bit: number): Uint8Array =>
            bytes.map((byte, i) => (i === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));
          for (const [key, text, blob] of [
            [publicKey, message, flipped(signature, signatureBit)],
            [flipped(publicKey, keyBit), message, signature],
            [publicKey, Uint8Array.of(...message, 0), signature],
          ] as const) {
            assert.equal(portablePrimitives.ed25519Verify(key, text, blob), false);
            assert.equal(ed25519Verifier(key)(text, blob), false);
          }
        },
      ),
      { numRuns: 25 },
    );
  });

  it('answer false for bytes that are no key and no signature', () => {
    for (const fill of [0, 1, 2, 0xed, 0xff])
      for (const length of [0, 31, 32, 33, 64]) {
        const bytes = new Uint8Array(length).fill(fill);
        assert.equal(portablePrimitives.ed25519Verify(bytes, bytes, new Uint8Array(64).fill(fill)), false);
        assert.equal(portablePrimitives.ed25519Verify(new Uint8Array(32).fill(fill), bytes, bytes), false);
      }
  });
});

describe('the portable text forms', () => {
  it('are the ones of Buffer, and refuse what those refuse', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20_000 }), (bytes) => {
        assert.equal(CODECS.portableBase64.encode(bytes), encodeBase64(bytes));
        assert.equal(CODECS.portableHex.encode(bytes), encodeHex(bytes));
      }),
      RUNS,
    );
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'AQgw+/-_=b9f \n0é'), maxLength: 12 }), (text) => {
        assert.deepEqual(decodeExactly(CODECS.portableBase64, text), decodeBase64(text));
        assert.deepEqual(decodeExactly(CODECS.portableHex, text), decodeHex(text));
      }),
      { numRuns: 2000 },
    );
  });
});
