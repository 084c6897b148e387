import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { decodeUtf8, encodeUtf8 } from '../../../src/core/bytes.ts';
import { isTallyError } from '../../../src/core/error.ts';
import { verifierFromVkey } from '../../../src/core/tlog/key.ts';
import { openNote, parseNote, signNote } from '../../../src/core/tlog/note.ts';
import { testSigner } from './fixture.ts';

const published = JSON.parse(
  readFileSync(new URL('../../../spec/vectors/signed-note.json', import.meta.url), 'utf8'),
);
const failsAs = (code: string) => (error: unknown) => isTallyError(error) && error.code === code;
const malformed = failsAs('NOTE_MALFORMED');
const unverified = failsAs('NOTE_UNVERIFIED');
const [alice, bob] = [testSigner(1, 'alice'), testSigner(2, 'bob')];
const verifiers = [alice, bob].map(({ vkey }) => verifierFromVkey(vkey));
const text = 'one\n\ntwo\n';
const note = signNote(text, [alice]);
const line = (signed: Uint8Array): string => decodeUtf8(signed)?.split('\n\n').at(-1) ?? '';

describe('a signed note', () => {
  it('of the published vectors opens', () => {
    const opened = openNote(encodeUtf8(published.note), [verifierFromVkey(published.vkey)]);
    assert.equal(opened.text, 'This is an example message.\n');
    assert.deepEqual(
      opened.verified.map(({ name }) => name),
      ['example.com/foo'],
    );
  });

  it('is split at the last blank line', () => {
    const opened = openNote(note, verifiers);
    assert.equal(opened.text, text);
  });

  it('carries further signatures, and one signer has one line', () => {
    const both = signNote(text, [bob], parseNote(note).signatures);
    assert.deepEqual(
      openNote(both, verifiers).verified.map(({ name }) => name),
      ['alice', 'bob'],
    );
    assert.deepEqual(signNote(text, [alice], parseNote(note).signatures), note);
  });

  it('opens when unknown keys signed it as well, whatever they wrote', () => {
    const stranger = line(signNote('another\n', [testSigner(3, 'stranger')]));
    const opened = openNote(encodeUtf8(`${decodeUtf8(note)}${stranger}`), verifiers);
    assert.deepEqual([opened.verified.length, opened.signatures.length], [1, 2]);
    // Same name, another key: an unknown pair as well.
    const namesake = line(signNote('another\n', [testSigner(4, 'alice')]));
    assert.equal(openNote(encodeUtf8(`${decodeUtf8(note)}${namesake}`), verifiers).verified.length, 1);
  });

  it('is rejected when a known key did not sign its text, even beside one that did', () => {
    const false1 = line(signNote('another\n', [bob]));
    const whole = decodeUtf8(note) ?? '';
    assert.throws(() => openNote(encodeUtf8(`${whole}${false1}`), verifiers), unverified);
    assert.throws(() => openNote(encodeUtf8(`${text}\n${false1}${line(note)}`), verifiers), unverified);
    const repeated = `${whole}${line(signNote('another\n', [alice]))}`;
    assert.throws(() => openNote(encodeUtf8(repeated), verifiers), unverified);
  });

  it('is rejected when no given key signed it', () => {
    assert.throws(() => openNote(note, []), unverified);
    assert.throws(() => openNote(note, verifiers.slice(1)), unverified);
  });

  it('opens with either of two keys that share name and id', () => {
    const [verifier] = verifiers;
    assert.ok(verifier !== undefined);
    const twin = { ...verifier, verify: () => false };
    assert.equal(openNote(note, [twin, verifier]).verified.length, 1);
    assert.throws(() => openNote(note, [twin]), unverified);
  });

  it('has up to 100 signatures, and not one more', () => {
    const lines = (count: number): Uint8Array => encodeUtf8(`${text}\n${line(note).repeat(count)}`);
    assert.equal(openNote(lines(17), verifiers).verified.length, 17);
    assert.equal(parseNote(lines(100)).signatures.length, 100);
    assert.throws(() => parseNote(lines(101)), malformed);
  });

  it('ends parsing of hostile bytes in bounded time', () => {
    const started = performance.now();
    const hostile = [
      '\n'.repeat(999_000),
      `${'\n\n— a'.repeat(160_000)}\n`,
      `x\n\n${'— \n'.repeat(190_000)}`,
      `x\n\n— ${'a '.repeat(400_000)}\n`,
    ];
    for (const bytes of hostile) assert.throws(() => openNote(encodeUtf8(bytes), verifiers), malformed);
    assert.throws(() => parseNote(new Uint8Array(1_000_001)), malformed);
    assert.ok(performance.now() - started < 2000);
  });

  it('opens with no byte altered', () => {
    for (let at = 0; at < note.length; at++) {
      for (const bit of [1, 0x20, 0x80]) {
        const altered = note.slice();
        altered[at] = (altered[at] ?? 0) ^ bit;
        assert.throws(
          () => openNote(altered, verifiers),
          (e) => malformed(e) || unverified(e),
          `byte ${at}`,
        );
      }
    }
  });

  it('decodes or is refused, whatever the bytes', () => {
    const piece = fc.constantFrom(
      '\n',
      '\n\n',
      '— ',
      'alice',
      ' ',
      'AAAAAAA=',
      'AAAAAAAA',
      '\r',
      '\u0000',
      'é',
      '-',
      '+',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), fc.uint8Array({ maxLength: 4 }), (pieces, raw) => {
        for (const bytes of [encodeUtf8(pieces.join('')), raw]) {
          assert.throws(
            () => openNote(bytes, verifiers),
            (e) => malformed(e) || unverified(e),
          );
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('is never made of text that could not be read again', () => {
    for (const bad of ['no newline', 'bell\u0007\n', 'cr\r\n', 'half \ud800\n'])
      assert.throws(() => signNote(bad, [alice]), /invariant broken/);
  });
});
