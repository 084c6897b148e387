import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { encodeUtf8 } from '../../../src/core/bytes.ts';
import { LIMITS } from '../../../src/core/limits.ts';
import { signCheckpoint } from '../../../src/core/tlog/checkpoint.ts';
import {
  contradictedKeys,
  readRotateEntry,
  rotationSize,
  walkRotations,
} from '../../../src/core/tlog/key-history.ts';
import { type LogSource, type VerifyOptions, verifyLog } from '../../../src/core/tlog/verify.ts';
import { exitCodeOf } from '../../../src/core/tlog/verify-report.ts';
import { ORIGIN, testSigner } from './fixture.ts';
import { buildRotated, noteAt, type RotatedLog, rootAt, rotateText, withSignature } from './rotated.ts';

const SIZE = 300;

async function verdict(
  { source, keys }: RotatedLog,
  changes: Partial<LogSource> = {},
  options: VerifyOptions = { pinned: [keys[0]?.vkey ?? ''] },
) {
  const report = await verifyLog(source(changes), options);
  return { report, exit: exitCodeOf(report), ...report.signatures, note: report.signatures.note ?? '' };
}

describe('a log whose key was rotated', () => {
  for (const at of [[1], [256], [300], [40, 41], [100, 256, 257]]) {
    it(`at ${at.join(', ')} verifies from its first key, and the verdict names every key`, async () => {
      const log = buildRotated(SIZE, at);
      const { exit, status, keys, signed_by } = await verdict(log);
      assert.deepEqual([exit, status], [0, 'pass']);
      const bounds = [0, ...at];
      assert.deepEqual(
        keys,
        log.keys.map(({ vkey, name, keyId }, i) => ({
          vkey,
          key: `${name}+${keyId}`,
          from: bounds[i],
          ...(bounds[i + 1] === undefined ? {} : { to: bounds[i + 1] }),
        })),
      );
      assert.deepEqual(signed_by, [`${ORIGIN}+${log.keys.at(-1)?.keyId}`]);
    });
  }

  it('needs nothing from log.json', async () => {
    assert.equal((await verdict(buildRotated(SIZE, [40, 90]), { vkeys: [] })).exit, 0);
  });

  it('verifies from a later key too, and says that the beginning rests on its word', async () => {
    const log = buildRotated(SIZE, [40, 90]);
    const later = await verdict(log, {}, { pinned: [log.keys[1]?.vkey ?? ''] });
    assert.equal(later.exit, 0);
    assert.match(later.note, /took over at 40/);
    const both = await verdict(log, {}, { pinned: [log.keys[2]?.vkey ?? '', log.keys[0]?.vkey ?? ''] });
    assert.deepEqual([both.exit, both.note], [0, '']);
  });

  it('is self-declared without a trusted key, which is no pass', async () => {
    const { exit, status, key } = await verdict(buildRotated(SIZE, [40]), {}, {});
    assert.deepEqual([exit, status, key], [2, 'neutral', 'self-declared']);
  });

  it('fails for a trusted key that is none of its own, even beside one that is', async () => {
    const log = buildRotated(SIZE, [40]);
    const stranger = testSigner(99).vkey;
    assert.equal((await verdict(log, {}, { pinned: [stranger] })).exit, 6);
    assert.equal((await verdict(log, {}, { pinned: [stranger, log.keys[0]?.vkey ?? ''] })).exit, 6);
  });

  it('takes heads by each key up to its rotation, and holds the log to later ones without trusting them', async () => {
    const log = buildRotated(SIZE, [40]);
    const [old, next] = log.keys as [ReturnType<typeof testSigner>, ReturnType<typeof testSigner>];
    const head = (size: number, signer: typeof old) => ({
      checkpoint: noteAt(log.log, size, [signer]).note,
      ground: 'given' as const,
    });
    const { report, exit } = await verdict(
      log,
      {},
      { pinned: [old.vkey], heads: [head(30, old), head(40, old), head(40, next), head(41, old)] },
    );
    assert.equal(exit, 0);
    assert.deepEqual(
      report.append_only.heads.map(({ note }) => note),
      [undefined, undefined, undefined, 'no known key signed this head'],
    );
  });

  it('still verifies between the writing of a note and the checkpoint over it', async () => {
    const log = buildRotated(SIZE, [290]);
    const [old] = log.keys;
    assert.ok(old);
    const { exit } = await verdict(log, { checkpoint: async () => noteAt(log.log, 280, [old]).note });
    assert.equal(exit, 0);
  });
});

describe('a rotation is refused', () => {
  const at = 40;
  const honest = buildRotated(SIZE, [at]);
  const [old, next] = honest.keys as [ReturnType<typeof testSigner>, ReturnType<typeof testSigner>];
  const thief = testSigner(66);

  async function refused(log: RotatedLog, notes: RotatedLog['notes'], why: RegExp, changes = {}) {
    const { exit, status, note } = await verdict(log, { rotations: async () => notes, ...changes });
    assert.deepEqual([exit, status], [6, 'fail'], note);
    assert.match(note, why);
  }

  it('when somebody adds a signature of their own to an old checkpoint', async () => {
    const published = noteAt(honest.log, 100, [next]);
    const forged = { size: 100, note: withSignature(published.note, thief) };
    await refused(honest, [...honest.notes, forged], /keys\/100\.note: .*no key\.rotate/);
    // With a checkpoint of their own on top.
    await refused(honest, [...honest.notes, forged], /key\.rotate/, {
      checkpoint: async () => noteAt(honest.log, SIZE, [thief]).note,
      vkeys: [old.vkey, next.vkey, thief.vkey],
    });
  });

  it('when the thief signs beside the old key on the very note of a rotation to another key', async () => {
    const forged = { size: at, note: withSignature(noteAt(honest.log, at, [old]).note, thief) };
    await refused(honest, [forged], /no signature on this note/);
  });

  it('when only one of the two keys signed', async () => {
    for (const signer of [old, next])
      await refused(honest, [noteAt(honest.log, at, [signer])], /no signature/);
  });

  it('when a signature on it does not fit', async () => {
    const bent = signCheckpoint({ origin: ORIGIN, size: at, root: rootAt(honest.log, at - 1) }, [old, next]);
    await refused(honest, [{ size: at, note: bent }], /not the ones that were signed/);
  });

  it('when it is named by another size, speaks for another log, or the log ends before it', async () => {
    const [note] = honest.notes;
    assert.ok(note);
    await refused(honest, [{ ...note, size: 41 }], /it is of size 40/);
    await refused(honest, [{ size: 400, note: note.note }], /it is of size 40/);
    const other = testSigner(20, 'test.example/other');
    const foreign = signCheckpoint({ origin: other.name, size: at, root: rootAt(honest.log, at) }, [other]);
    await refused(honest, [{ size: at, note: foreign }], /speaks for test\.example\/other/);
    const ahead = signCheckpoint({ origin: ORIGIN, size: 400, root: new Uint8Array(32) }, [old, next]);
    await refused(honest, [{ size: 400, note: ahead }], /ends before it/);
  });

  const unbound: readonly (readonly [string, Record<string, unknown>, RegExp])[] = [
    ['is of another type', { type: 'key.rotated' }, /no key\.rotate/],
    [
      'was reported by a client',
      { source: { assurance: 'self_reported', surface: 'server' } },
      /recorder's own/,
    ],
    ['came from another surface', { source: { assurance: 'enforced', surface: 'cli' } }, /recorder's own/],
    ['records a request that was stopped', { decision: { outcome: 'stop' } }, /recorder's own/],
    ['names one key only', { metadata: { old: 'x' } }, /two keys/],
    ['names something that is no key', { metadata: { old: 'x', new: 'y' } }, /a key is written/],
    ['says it is another entry', { index: 7 }, /says it is entry 7/],
    ['is one half of an action', { phase: 'pre_exec' }, /no key\.rotate/],
  ];
  for (const [what, change, why] of unbound) {
    it(`when the last entry under it ${what}`, async () => {
      const log = buildRotated(SIZE, [at], (i, prev, keys) => rotateText(i, prev, keys, change));
      await refused(log, log.notes, why);
    });
  }

  it('when its entry names another old key, or other keys than signed', async () => {
    const wrong = buildRotated(SIZE, [at], (i, prev, { next: to }) =>
      rotateText(i, prev, { old: thief.vkey, next: to }),
    );
    await refused(wrong, wrong.notes, /no signature on this note/);
    await refused(wrong, [noteAt(wrong.log, at, [thief, next])], /no key of this log/);
  });

  it('when it brings back a key that was retired', async () => {
    const log = buildRotated(SIZE, [40, 90], (i, prev, keys) =>
      rotateText(i, prev, i === 89 ? { ...keys, next: testSigner(20).vkey } : keys),
    );
    const back = noteAt(log.log, 90, [testSigner(21), testSigner(20)]);
    await refused(log, [log.notes[0] ?? back, back], /brings back/);
  });

  it('when a note between two others is gone', async () => {
    const log = buildRotated(SIZE, [40, 90, 120]);
    await refused(
      log,
      [log.notes[0], log.notes[2]].flatMap((note) => note ?? []),
      /it retires/,
    );
    await refused(log, log.notes.slice(0, 2), /no valid signature|signed by/);
    await refused(log, [], /no valid signature/, { vkeys: [] });
  });

  it('when there are more than anybody makes', async () => {
    const many = Array.from({ length: LIMITS.keyRotations + 1 }, (_, i) => ({
      size: i + 1,
      note: encodeUtf8('x'),
    }));
    await refused(honest, many, /more than/);
  });
});

describe('after a rotation', () => {
  it('the old key signs no checkpoint any more', async () => {
    const log = buildRotated(SIZE, [40]);
    const [old] = log.keys;
    assert.ok(old);
    const { exit, note } = await verdict(log, { checkpoint: async () => noteAt(log.log, SIZE, [old]).note });
    assert.equal(exit, 6);
    assert.match(note, /signed by .* and the key at that size is/);
  });

  it('the old key signs no log without the note for a reader who trusts its successor too', async () => {
    const log = buildRotated(SIZE, [40]);
    const [old, next] = log.keys;
    assert.ok(old && next);
    const fork = {
      rotations: async () => [],
      vkeys: [old.vkey],
      checkpoint: async () => noteAt(log.log, SIZE, [old]).note,
    };
    assert.equal((await verdict(log, fork, { pinned: [old.vkey] })).exit, 0, 'nothing here shows a rotation');
    const { exit, note } = await verdict(log, fork, { pinned: [old.vkey, next.vkey] });
    assert.equal(exit, 6);
    assert.match(note, /no rotation note leads from one to another/);
    assert.equal((await verdict(log, fork, { pinned: [old.vkey, old.vkey] })).exit, 0);
  });

  it("today's key signs no other yesterday", async () => {
    const honest = buildRotated(SIZE, [40]);
    const forged = buildRotated(SIZE, [40], (i, prev, keys) =>
      rotateText(i, prev, keys, { reason: 'forged' }),
    );
    // The thief has the new key only: the note that stays is the honest one.
    const { exit, note } = await verdict(forged, { rotations: async () => honest.notes });
    assert.equal(exit, 6);
    assert.match(note, /keys\/40\.note: the first 40 entries are not the ones that were signed/);
  });

  it('a note that is remembered and gone, or altered, is tampering', async () => {
    const log = buildRotated(SIZE, [40, 90]);
    const pinned = [log.keys[0]?.vkey ?? ''];
    const kept = { pinned, rotations: log.notes };
    assert.equal((await verdict(log, {}, kept)).exit, 0);
    const gone = await verdict(log, { rotations: async () => log.notes.slice(0, 1) }, kept);
    assert.deepEqual([gone.exit, gone.note.includes('keys/90.note is remembered, and gone')], [6, true]);
    const none = await verdict(log, { rotations: async () => [] }, kept);
    assert.equal(none.exit, 6);
    const other = log.notes.map(({ size, note }) => ({ size, note: withSignature(note, testSigner(50)) }));
    assert.match(
      (await verdict(log, { rotations: async () => other }, kept)).note,
      /not the one that is remembered/,
    );
  });
});

describe('the parts', () => {
  it('names are read strictly', () => {
    for (const name of [
      'keys/0.note',
      'keys/01.note',
      'keys/1.note.tmp',
      'keys/-1.note',
      'keys/9007199254740993.note',
      'x',
    ])
      assert.equal(rotationSize(name), undefined, name);
    assert.equal(rotationSize('keys/256.note'), 256);
  });

  it('any bytes as a note or as an entry end in an answer', () => {
    const log = buildRotated(60, [40]);
    const note = log.notes[0]?.note ?? new Uint8Array();
    const mutated = fc.tuple(fc.nat(note.length - 1), fc.nat(255)).map(([at, byte]) => note.with(at, byte));
    fc.assert(
      fc.property(
        fc.oneof(fc.uint8Array(), mutated),
        fc.oneof(fc.uint8Array(), fc.json().map(encodeUtf8)),
        (bytes, entry) => {
          readRotateEntry(entry);
          const own = encodeUtf8(log.log.lines[39] ?? '');
          for (const one of [entry, own]) {
            const walked = walkRotations(ORIGIN, [
              { size: 40, note: bytes, root: rootAt(log.log, 40), entry: one },
            ]);
            const same = Buffer.compare(bytes, note) === 0 && one === own;
            assert.equal(walked.problem === undefined, same);
          }
        },
      ),
      { numRuns: 150 },
    );
  });

  it('log.json may name fewer keys than the notes, and no others', async () => {
    const log = buildRotated(60, [20, 40]);
    const walked = walkRotations(
      ORIGIN,
      log.notes.map(({ size, note }) => ({
        size,
        note,
        root: rootAt(log.log, size),
        entry: encodeUtf8(log.log.lines[size - 1] ?? ''),
      })),
    );
    assert.equal(walked.problem, undefined);
    const bound = walked.spans.map(({ verifier, from }) => ({ vkey: verifier.vkey, from }));
    const listed = log.keys.map(({ vkey }, i) => ({ vkey, from: [0, 20, 40][i] ?? 0 }));
    for (const n of [1, 2, 3]) assert.equal(contradictedKeys(listed.slice(0, n), bound), undefined);
    assert.match(
      contradictedKeys([...listed, { vkey: 'x', from: 50 }], bound) ?? '',
      /no rotation note leads/,
    );
    assert.match(
      contradictedKeys(listed.with(1, { vkey: 'x', from: 20 }), bound) ?? '',
      /rotation notes say/,
    );
    assert.match(contradictedKeys(listed, []) ?? '', /no rotation note/);
  });
});
