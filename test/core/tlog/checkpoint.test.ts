import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { decodeUtf8, encodeBase64, encodeUtf8 } from '../../../src/core/bytes.ts';
import { isTallyError } from '../../../src/core/error.ts';
import {
  encodeCheckpoint,
  openCheckpoint,
  parseCheckpoint,
  signCheckpoint,
} from '../../../src/core/tlog/checkpoint.ts';
import { signerFromSkey, verifierFromVkey } from '../../../src/core/tlog/key.ts';
import { signNote } from '../../../src/core/tlog/note.ts';
import { ORIGIN, testSigner } from './fixture.ts';

const vectors = (name: string) =>
  JSON.parse(readFileSync(new URL(`../../../spec/vectors/${name}`, import.meta.url), 'utf8'));
const own = vectors('checkpoint.json');
const failsAs = (code: string) => (error: unknown) => isTallyError(error) && error.code === code;
const malformed = failsAs('CHECKPOINT_MALFORMED');
const unverified = failsAs('NOTE_UNVERIFIED');
const root = fc.uint8Array({ minLength: 32, maxLength: 32 });

describe('a checkpoint', () => {
  it('comes out byte for byte with the published test key', () => {
    const { signer: skey, vkey } = vectors('signed-note.json').checkpoint_signer_public_test_key;
    const signer = signerFromSkey(skey);
    const opened = openCheckpoint(encodeUtf8(own.note), [verifierFromVkey(vkey)]);
    assert.deepEqual(
      [opened.origin, opened.size, encodeBase64(opened.root)],
      [own.origin, own.size, own.root],
    );
    assert.equal(decodeUtf8(signCheckpoint(opened, [signer])), own.note);
    assert.equal(encodeCheckpoint(opened), own.text);
  });

  it('is refused in every way that spec/vectors/checkpoint.json lists', () => {
    const verifiers = [verifierFromVkey(own.vkey)];
    for (const { why, text } of own.not_texts) assert.throws(() => parseCheckpoint(text), malformed, why);
    for (const { why, note } of own.not_notes)
      assert.throws(
        () => openCheckpoint(encodeUtf8(note), verifiers),
        (e) => isTallyError(e),
        why,
      );
    assert.ok(own.not_texts.length >= 12 && own.not_notes.length >= 12);
  });

  it('parses to what it was written from', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), root, (size, hash) => {
        const checkpoint = { origin: ORIGIN, size, root: hash };
        assert.deepEqual(parseCheckpoint(encodeCheckpoint(checkpoint)), checkpoint);
      }),
    );
  });

  it('has no second spelling', () => {
    const text = encodeCheckpoint({ origin: ORIGIN, size: 120, root: new Uint8Array(32).fill(0xf8) });
    fc.assert(
      fc.property(
        fc.nat(text.length),
        fc.nat(2),
        fc.string({ unit: fc.constantFrom(...'01 \n\r+=/Aé'), maxLength: 2 }),
        (at, cut, put) => {
          const altered = text.slice(0, at) + put + text.slice(at + cut);
          try {
            assert.equal(encodeCheckpoint(parseCheckpoint(altered)), altered);
          } catch (error) {
            if (!malformed(error)) throw error;
          }
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('needs a signature by a key of its origin: a witness alone does not speak for the log', () => {
    const log = testSigner();
    const witness = testSigner(9, 'witness.example');
    const checkpoint = { origin: ORIGIN, size: 3, root: new Uint8Array(32) };
    const known = [log, witness].map(({ vkey }) => verifierFromVkey(vkey));
    assert.throws(() => openCheckpoint(signCheckpoint(checkpoint, [witness]), known), unverified);
    const both = openCheckpoint(signCheckpoint(checkpoint, [witness, log]), known);
    assert.deepEqual(
      both.signatures.map(({ name }) => name),
      ['witness.example', ORIGIN],
    );
  });

  it('is refused when the signed text is none', () => {
    const log = testSigner();
    assert.throws(
      () => openCheckpoint(signNote('something else\n', [log]), [verifierFromVkey(log.vkey)]),
      malformed,
    );
  });
});
