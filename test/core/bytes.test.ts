import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  byteFinder,
  concatBytes,
  decodeBase64,
  decodeHex,
  decodeUtf8,
  encodeBase64,
  encodeHex,
  encodeUtf8,
  equalBytes,
} from '../../src/core/bytes.ts';

describe('the text forms of bytes', () => {
  it('come back as they were', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        assert.deepEqual(decodeBase64(encodeBase64(bytes)), bytes);
        assert.deepEqual(decodeHex(encodeHex(bytes)), bytes);
      }),
    );
  });

  it('are the only ones that decode', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'AQgw+/-_=b9f \n0'), maxLength: 12 }), (text) => {
        const fromBase64 = decodeBase64(text);
        if (fromBase64 !== undefined) assert.equal(encodeBase64(fromBase64), text);
        const fromHex = decodeHex(text);
        if (fromHex !== undefined) assert.equal(encodeHex(fromHex), text);
      }),
    );
    for (const text of ['AA', 'AA=', 'AB==', 'AA==\n', ' AA==', 'A-_=', 'AA==AA=='])
      assert.equal(decodeBase64(text), undefined, JSON.stringify(text));
    for (const text of ['a', 'AA', '0x00', ' 00', '0g']) assert.equal(decodeHex(text), undefined, text);
  });

  it('refuse bytes that are not UTF-8 and keep a byte order mark', () => {
    assert.equal(decodeUtf8(Uint8Array.of(0xc0, 0x80)), undefined);
    assert.equal(decodeUtf8(Uint8Array.of(0xed, 0xa0, 0x80)), undefined);
    assert.equal(decodeUtf8(encodeUtf8('\ufeffx')), '\ufeffx');
  });

  it('do not share memory with what they were made from', () => {
    const bytes = decodeBase64('AAAA');
    assert.equal(bytes?.buffer.byteLength, 3);
  });
});

describe('bytes', () => {
  it('join and compare', () => {
    assert.deepEqual(
      concatBytes(Uint8Array.of(1), new Uint8Array(0), Uint8Array.of(2, 3)),
      Uint8Array.of(1, 2, 3),
    );
    assert.equal(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 2)), true);
    assert.equal(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1)), false);
    assert.equal(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 3)), false);
  });

  it('are searched inside a view only', () => {
    const whole = Uint8Array.of(10, 1, 10, 2, 10);
    const find = byteFinder(whole.subarray(1, 4), 10);
    assert.equal(find(0), 1);
    assert.equal(find(2), -1);
  });
});
