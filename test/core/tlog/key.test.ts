import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { encodeUtf8 } from '../../../src/core/bytes.ts';
import { isTallyError } from '../../../src/core/error.ts';
import {
  isKeyName,
  keyId,
  makeKeyPair,
  parseVkey,
  signerFromSkey,
  verifierFromVkey,
} from '../../../src/core/tlog/key.ts';

const published = JSON.parse(
  readFileSync(new URL('../../../spec/vectors/signed-note.json', import.meta.url), 'utf8'),
);
const malformed = (error: unknown): boolean => isTallyError(error) && error.code === 'KEY_MALFORMED';
const seed = fc.uint8Array({ minLength: 32, maxLength: 32 });
const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }).filter(isKeyName);

describe('keys of signed notes', () => {
  it('are those of the published vectors', () => {
    const { vkey, signer } = published.checkpoint_signer_public_test_key;
    assert.equal(signerFromSkey(signer).vkey, vkey);
    assert.equal(verifierFromVkey(vkey).keyId, '33d7b496');
    assert.equal(parseVkey(published.vkey).name, 'example.com/foo');
  });

  it('sign what their published half verifies, under any name', () => {
    fc.assert(
      fc.property(name, seed, fc.string(), (keyName, bytes, text) => {
        const pair = makeKeyPair(keyName, bytes);
        const signer = signerFromSkey(pair.skey);
        const verifier = verifierFromVkey(pair.vkey);
        assert.equal(signer.vkey, pair.vkey);
        assert.deepEqual([verifier.name, verifier.keyId], [keyName, signer.keyId]);
        const message = encodeUtf8(text);
        assert.equal(verifier.verify(message, signer.sign(message)), true);
        assert.equal(verifier.verify(encodeUtf8(`${text}.`), signer.sign(message)), false);
      }),
      { numRuns: 30 },
    );
  });

  it('have an id that depends on name, type and key', () => {
    const key = new Uint8Array(32);
    const ids = [
      keyId('a', 1, key),
      keyId('b', 1, key),
      keyId('a', 4, key),
      keyId('a', 1, new Uint8Array(32).fill(1)),
    ];
    assert.equal(new Set(ids).size, 4);
  });

  it('refuse names that a signature line cannot carry', () => {
    for (const bad of ['', 'a b', 'a+b', 'a\nb', 'a\u00a0b', 'a\u2003b', '\u0000', 'a\ud800'])
      assert.throws(() => makeKeyPair(bad, new Uint8Array(32)), malformed, JSON.stringify(bad));
  });

  it('refuse every alteration of one character, without quoting the key', () => {
    const pair = makeKeyPair('example.org/log', new Uint8Array(32).fill(5));
    fc.assert(
      fc.property(fc.nat(200), fc.constantFrom(...'aZ9+/= \n'), fc.boolean(), (at, letter, secret) => {
        const whole = secret ? pair.skey : pair.vkey;
        const place = at % whole.length;
        if (whole[place] === letter) return;
        const altered = whole.slice(0, place) + letter + whole.slice(place + 1);
        assert.throws(
          () => (secret ? signerFromSkey(altered) : verifierFromVkey(altered)),
          (error) => malformed(error) && error instanceof Error && !error.message.includes(whole.slice(-20)),
        );
      }),
    );
  });

  it('refuse upper-case ids, other types and other lengths', () => {
    const { vkey } = makeKeyPair('example.org/log', new Uint8Array(32).fill(5));
    const id = parseVkey(vkey).keyId;
    assert.throws(() => parseVkey(vkey.replace(id, id.toUpperCase())), malformed);
    const typed = (type: number, bytes: number): string => {
      const key = new Uint8Array(bytes);
      return `n+${keyId('n', type, key)}+${Buffer.from([type, ...key]).toString('base64')}`;
    };
    assert.equal(parseVkey(typed(4, 32)).type, 4);
    for (const text of [typed(4, 32), typed(6, 1312), typed(1, 31), typed(1, 0)])
      assert.throws(() => verifierFromVkey(text), malformed);
  });

  it('refuse any other text', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'PRIVATE+KEYa1= \n'), maxLength: 60 }), (text) => {
        assert.throws(() => verifierFromVkey(text), malformed);
        assert.throws(() => signerFromSkey(text), malformed);
      }),
    );
  });
});
