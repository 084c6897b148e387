import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { encodeUtf8 } from '../../../src/core/bytes.ts';
import { isTallyError } from '../../../src/core/error.ts';
import { LIMITS } from '../../../src/core/limits.ts';
import { openCheckpoint, signCheckpoint } from '../../../src/core/tlog/checkpoint.ts';
import {
  type Cosigner,
  cosignaturesOn,
  cosignatureVerifier,
  cosignerFromSkey,
  makeCosignerKey,
  mergeSignatures,
} from '../../../src/core/tlog/cosignature.ts';
import { makeKeyPair, verifierFromVkey } from '../../../src/core/tlog/key.ts';
import { parseNote } from '../../../src/core/tlog/note.ts';
import { createQuorum, judgeQuorum } from '../../../src/core/tlog/quorum.ts';
import { emptyRoot } from '../../../src/core/tlog/tree.ts';
import { ORIGIN, testSigner } from './fixture.ts';

const witness = (fill: number, name = `w${fill}.example`): Cosigner =>
  cosignerFromSkey(makeCosignerKey(name, new Uint8Array(32).fill(fill)).skey);

const log = testSigner();
const checkpoint = (size: number): Uint8Array =>
  signCheckpoint({ origin: ORIGIN, size, root: new Uint8Array(32).fill(size) }, [log]);
const textOf = (note: Uint8Array): Uint8Array => encodeUtf8(parseNote(note).text);
const cosigned = (note: Uint8Array, by: Cosigner, time: number): Uint8Array =>
  mergeSignatures(note, [by.cosign(textOf(note), time)]);
const refused = (code: string) => (error: unknown) => isTallyError(error) && error.code === code;

const TIME = 1_679_315_147;

describe('cosignatures', () => {
  it('are checked with the published key and give their time', () => {
    const by = witness(1);
    const note = cosigned(checkpoint(3), by, TIME);
    const found = cosignaturesOn(parseNote(note), [cosignatureVerifier(by.vkey)]);
    assert.deepEqual(found, { verified: [{ name: by.name, keyId: by.keyId, time: TIME }], failed: [] });
    // The log's own signature is still there, and the note still opens with the log's key alone.
    assert.equal(openCheckpoint(note, [verifierFromVkey(log.vkey)]).size, 3);
  });

  it('are 72 bytes: the time as 8, big-endian, and the signature', () => {
    const { signature } = witness(1).cosign(textOf(checkpoint(3)), 0x01_02_03_04_05);
    assert.deepEqual([...signature.subarray(0, 8)], [0, 0, 0, 1, 2, 3, 4, 5]);
    assert.equal(signature.length, 72);
  });

  it('hold for no other text, time, key or length', () => {
    const by = witness(1);
    const verifier = cosignatureVerifier(by.vkey);
    const text = textOf(checkpoint(3));
    const { signature } = by.cosign(text, TIME);
    assert.equal(verifier.check(text, signature), TIME);
    assert.equal(verifier.check(textOf(checkpoint(4)), signature), undefined);
    assert.equal(verifier.check(text.subarray(0, -1), signature), undefined);
    assert.equal(cosignatureVerifier(witness(2, by.name).vkey).check(text, signature), undefined);
    for (let at = 0; at < signature.length; at++) {
      const altered = signature.slice();
      altered[at] = (altered[at] ?? 0) ^ 1;
      assert.equal(verifier.check(text, altered), undefined, `byte ${at}`);
    }
    for (const length of [0, 7, 8, 71])
      assert.equal(verifier.check(text, signature.subarray(0, length)), undefined);
    assert.equal(verifier.check(text, new Uint8Array([...signature, 0])), undefined);
  });

  it('of second 0, or of a time that nobody can write, do not count', () => {
    const by = witness(1);
    const verifier = cosignatureVerifier(by.vkey);
    const text = textOf(checkpoint(3));
    assert.equal(
      verifier.check(text, by.cosign(text, LIMITS.cosignatureSeconds).signature),
      LIMITS.cosignatureSeconds,
    );
    const view = (time: bigint): Uint8Array => {
      const bytes = by.cosign(text, 1).signature.slice();
      new DataView(bytes.buffer).setBigUint64(0, time);
      return bytes;
    };
    assert.equal(verifier.check(text, view(1n)), 1);
    for (const time of [0n, BigInt(LIMITS.cosignatureSeconds) + 1n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n])
      assert.equal(verifier.check(text, view(time)), undefined);
    for (const time of [0, -1, 1.5, LIMITS.cosignatureSeconds + 1])
      assert.throws(() => by.cosign(text, time), /invariant/);
  });

  it('take keys of type 4 only, and say so for the key of a log', () => {
    assert.throws(
      () => cosignatureVerifier(log.vkey),
      (e) => refused('KEY_MALFORMED')(e) && /key of a log/.test(String(e)),
    );
    const { skey } = makeKeyPair('w.example', new Uint8Array(32).fill(1));
    assert.throws(() => cosignerFromSkey(skey), refused('KEY_MALFORMED'));
    const own = makeCosignerKey('w.example', new Uint8Array(32).fill(1));
    assert.throws(() => verifierFromVkey(own.vkey), refused('KEY_MALFORMED'));
    assert.throws(
      () => cosignerFromSkey(own.skey.replace('w.example', 'v.example')),
      refused('KEY_MALFORMED'),
    );
    assert.throws(() => makeCosignerKey('with space', new Uint8Array(32)), refused('KEY_MALFORMED'));
  });

  it('of unknown witnesses are ignored, and a known one that does not hold is told apart', () => {
    const [a, b] = [witness(1), witness(2)];
    const note = cosigned(cosigned(checkpoint(3), a, TIME), b, TIME + 1);
    const onlyB = cosignaturesOn(parseNote(note), [cosignatureVerifier(b.vkey)]);
    assert.deepEqual(onlyB, { verified: [{ name: b.name, keyId: b.keyId, time: TIME + 1 }], failed: [] });
    const foreign = mergeSignatures(checkpoint(4), [a.cosign(textOf(checkpoint(3)), TIME)]);
    assert.deepEqual(cosignaturesOn(parseNote(foreign), [cosignatureVerifier(a.vkey)]), {
      verified: [],
      failed: [{ name: a.name, keyId: a.keyId }],
    });
  });

  it('replace an older line of the same witness when merged, and keep all others', () => {
    const [a, b] = [witness(1), witness(2)];
    const note = cosigned(cosigned(cosigned(checkpoint(3), a, TIME), b, TIME), a, TIME + 5);
    assert.deepEqual(
      parseNote(note).signatures.map(({ name }) => name),
      [ORIGIN, b.name, a.name],
    );
    const both = [a, b].map(({ vkey }) => cosignatureVerifier(vkey));
    assert.deepEqual(
      cosignaturesOn(parseNote(note), both).verified.map(({ time }) => time),
      [TIME, TIME + 5],
    );
  });

  it('never let a witness that took the name of a log speak for it', () => {
    const impostor = witness(9, ORIGIN);
    const bare = parseNote(signCheckpoint({ origin: ORIGIN, size: 0, root: emptyRoot() }, [log])).text;
    const forged = encodeUtf8(`${bare}\n— ${ORIGIN} AAAAAAAA\n`);
    const note = mergeSignatures(forged, [impostor.cosign(encodeUtf8(bare), TIME)]);
    assert.throws(() => openCheckpoint(note, [verifierFromVkey(log.vkey)]), refused('NOTE_UNVERIFIED'));
  });

  it('never throw, whatever the bytes of a signature or a key', () => {
    const verifier = cosignatureVerifier(witness(1).vkey);
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 100 }),
        fc.uint8Array({ minLength: 60, maxLength: 80 }),
        (text, bytes) => {
          assert.equal(verifier.check(text, bytes), undefined);
        },
      ),
    );
    const piece = fc.constantFrom(
      'w',
      '+',
      '00000000',
      'BAAA',
      '=',
      'PRIVATE+KEY+',
      ' ',
      '\n',
      witness(1).vkey,
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        const text = pieces.join('');
        if (text === witness(1).vkey) return;
        for (const decode of [cosignatureVerifier, cosignerFromSkey])
          assert.throws(() => decode(text), refused('KEY_MALFORMED'));
      }),
    );
  });
});

describe('a quorum', () => {
  const [a, b, c] = [witness(1), witness(2), witness(3)] as const;
  const policy = createQuorum([a.vkey, b.vkey, c.vkey], 2);

  it('is met by k different witnesses, at the time of the k-th', () => {
    const one = cosigned(checkpoint(3), b, TIME + 9);
    assert.equal(judgeQuorum(policy, one).met, false);
    const two = cosigned(one, a, TIME);
    const result = judgeQuorum(policy, two);
    assert.equal(result.met, true);
    assert.equal(result.time, TIME + 9);
    assert.deepEqual(
      result.by.map(({ name, time }) => [name, time]),
      [
        [a.name, TIME],
        [b.name, TIME + 9],
      ],
    );
    assert.deepEqual([result.needed, result.of, result.failed], [2, 3, []]);
  });

  it('counts two lines of one witness once, with the earlier time', () => {
    const note = checkpoint(3);
    const lines = [a.cosign(textOf(note), TIME + 1), a.cosign(textOf(note), TIME)];
    const result = judgeQuorum(policy, mergeSignatures(note, lines));
    assert.equal(result.met, false);
    assert.deepEqual(
      result.by.map(({ time }) => time),
      [TIME],
    );
  });

  it('counts two keys of one name once, and one key of two names', () => {
    const sameName = witness(4, a.name);
    const sameKey = witness(1, 'other.example');
    for (const twin of [sameName, sameKey]) {
      const twins = createQuorum([a.vkey, twin.vkey, b.vkey], 2);
      assert.equal(twins.witnesses.length, 2);
      const note = cosigned(cosigned(checkpoint(3), a, TIME), twin, TIME + 1);
      assert.equal(judgeQuorum(twins, note).met, false);
      assert.equal(judgeQuorum(twins, cosigned(note, b, TIME)).met, true);
    }
    // All three are one: the last ties the two others together.
    const tie = witness(1, b.name);
    assert.equal(createQuorum([a.vkey, b.vkey, tie.vkey], 1).witnesses.length, 1);
    assert.throws(() => createQuorum([a.vkey, a.vkey], 2), refused('BAD_CONFIG'));
  });

  it('that nobody could reach is refused when it is made', () => {
    for (const needed of [0, -1, 1.5, 4, Number.NaN])
      assert.throws(() => createQuorum([a.vkey, b.vkey, c.vkey], needed), refused('BAD_CONFIG'));
    assert.throws(() => createQuorum([log.vkey], 1), refused('KEY_MALFORMED'));
  });

  it('is not met beside a line that does not hold, nor by times later than ours', () => {
    const note = cosigned(cosigned(checkpoint(3), a, TIME), b, TIME + 100);
    assert.equal(judgeQuorum(policy, note, TIME + 99).met, false);
    assert.equal(judgeQuorum(policy, note, TIME + 100).met, true);
    const forged = mergeSignatures(note, [c.cosign(textOf(checkpoint(4)), TIME)]);
    const result = judgeQuorum(policy, forged);
    assert.equal(result.met, false);
    assert.equal(result.time, undefined);
    assert.deepEqual(result.failed, [{ name: c.name, keyId: c.keyId }]);
  });

  it('counts exactly the different witnesses that signed, whatever the lines', () => {
    const all = [a, b, c];
    const text = textOf(checkpoint(3));
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 2 }), fc.integer({ min: 1, max: 99 })), { maxLength: 9 }),
        fc.integer({ min: 1, max: 3 }),
        (lines, needed) => {
          const made = lines.flatMap(([who, time]) => all[who]?.cosign(text, time) ?? []);
          const result = judgeQuorum(
            createQuorum(
              all.map(({ vkey }) => vkey),
              needed,
            ),
            mergeSignatures(checkpoint(3), made),
          );
          const different = new Set(lines.map(([who]) => who)).size;
          assert.equal(result.by.length, different);
          assert.equal(result.met, different >= needed);
        },
      ),
      { numRuns: 40 },
    );
  });
});
