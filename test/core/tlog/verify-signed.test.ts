import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encodeUtf8 } from '../../../src/core/bytes.ts';
import { isTallyError } from '../../../src/core/error.ts';
import { signCheckpoint } from '../../../src/core/tlog/checkpoint.ts';
import { type LogSource, type VerifyOptions, verifyLog } from '../../../src/core/tlog/verify.ts';
import { exitCodeOf } from '../../../src/core/tlog/verify-report.ts';
import { buildLog, entryText, ORIGIN, sourceOf, type TestLog, testSigner } from './fixture.ts';
import { body, edit, log, pinned, SIZE, statuses, verify } from './mutilate.ts';

describe('signatures', () => {
  it('without a pinned key are self-declared, which is no pass', async () => {
    const { report, exit } = await verify(log.lines, {}, {});
    assert.deepEqual(
      [report.signatures.status, report.signatures.key, exit],
      ['neutral', 'self-declared', 2],
    );
  });

  it('fail when every seal was made anew with another key', async () => {
    const thief = buildLog(SIZE, { signer: testSigner(66) });
    const { report, exit } = await verify(thief.lines, {
      checkpoint: async () => thief.checkpoint,
      vkeys: [thief.signer.vkey],
    });
    assert.deepEqual([report.signatures.status, report.integrity.status, exit], ['fail', 'pass', 6]);
  });

  it('fail when no key fits, and then no root vouches for the entries', async () => {
    const altered = log.checkpoint.slice();
    altered[altered.length - 5] = (altered[altered.length - 5] ?? 0) ^ 1;
    for (const bytes of [altered, encodeUtf8('nothing'), new Uint8Array(0)]) {
      const { report, exit } = await verify(log.lines, { checkpoint: async () => bytes });
      assert.deepEqual([report.signatures.status, report.integrity.status, exit], ['fail', 'incomplete', 6]);
    }
  });

  it('are no tampering where no key at all is known, as with a published log and a reader without its key', async () => {
    const { report, exit } = await verify(log.lines, { vkeys: [] }, {});
    assert.deepEqual(
      [report.signatures.status, report.signatures.key, report.integrity.status, exit],
      ['neutral', undefined, 'incomplete', 2],
    );
    const nothing = await verify(log.lines, { vkeys: [], checkpoint: async () => encodeUtf8('nothing') }, {});
    assert.equal(nothing.exit, 6);
  });

  it('fail for a checkpoint of another log', async () => {
    const { report, exit } = await verify(log.lines, { origin: 'test.example/other' });
    assert.deepEqual([report.signatures.status, exit], ['fail', 6]);
  });

  it('are incomplete without a checkpoint: nothing is signed', async () => {
    for (const lines of [[], log.lines]) {
      const { report, exit } = await verify(lines, { checkpoint: async () => undefined });
      assert.deepEqual([report.signatures.status, report.chain.status, exit], ['incomplete', 'pass', 2]);
      assert.equal(report.unsigned, lines.length);
    }
  });

  it('take no malformed pinned key, and leave out a malformed declared one', async () => {
    await assert.rejects(
      verify(log.lines, {}, { pinned: ['x'] }),
      (e) => isTallyError(e) && e.code === 'KEY_MALFORMED',
    );
    const { report } = await verify(log.lines, { vkeys: ['x', log.signer.vkey] }, {});
    assert.equal(report.signatures.key, 'self-declared');
  });
});

describe('append-only', () => {
  const older = buildLog(200);
  const local = (some: TestLog) => ({ checkpoint: some.checkpoint, ground: 'local' as const });
  const withHeads = (
    lines: readonly string[],
    heads: VerifyOptions['heads'],
    changes: Partial<LogSource> = {},
  ) => verify(lines, changes, { pinned, heads: heads ?? [] });

  it('holds from every head that the log continues, and names the ground', async () => {
    const { report, exit } = await withHeads(log.lines, [
      local(older),
      { ...local(log), ground: 'given', name: 'old.note' },
    ]);
    assert.equal(exit, 0);
    assert.equal(report.append_only.note, 'append-only since 600, head: given');
    assert.deepEqual(report.append_only.heads, [
      { ground: 'local', status: 'pass', size: 200 },
      { ground: 'given', name: 'old.note', status: 'pass', size: 600 },
    ]);
  });

  it('holds from heads at every size, the empty tree and edges of tiles included', async () => {
    const heads = [0, 1, 255, 256, 257, 511, 512, 599].map((size) => local(buildLog(size)));
    const { report, exit } = await withHeads(log.lines, [...heads, ...heads]);
    assert.deepEqual([exit, report.append_only.heads.length], [0, 16]);
  });

  it('shows a rollback to an older, validly signed checkpoint', async () => {
    const { report, exit } = await withHeads(older.lines, [local(log)], {
      checkpoint: async () => older.checkpoint,
    });
    assert.deepEqual(
      [report.integrity.status, report.signatures.status, report.append_only.status, exit],
      ['pass', 'pass', 'fail', 6],
    );
    assert.match(report.append_only.note ?? '', /200 entries, this head had 600/);
  });

  it('shows a tail dropped with its checkpoint, and a wipe', async () => {
    for (const lines of [log.lines.slice(0, 500), []]) {
      const { report, exit } = await withHeads(lines, [local(log)], { checkpoint: async () => undefined });
      assert.deepEqual([report.append_only.status, exit], ['fail', 6]);
    }
  });

  it('shows a history made anew with the same key, and at which head', async () => {
    const anew = buildLog(SIZE, {
      text: (index, prev) => (index === 150 ? body(entryText(index, prev)) : entryText(index, prev)),
    });
    const { report, exit } = await withHeads(anew.lines, [local(buildLog(100)), local(older)], {
      checkpoint: async () => anew.checkpoint,
      tile: async (level, index) => anew.tiles.get(`${level}/${index}`),
    });
    assert.deepEqual(statuses(report), {
      integrity: 'pass',
      chain: 'pass',
      append_only: 'fail',
      signatures: 'pass',
    });
    assert.deepEqual(
      report.append_only.heads.map(({ status, size }) => [status, size]),
      [
        ['pass', 100],
        ['fail', 200],
      ],
    );
    assert.equal(exit, 6);
  });

  it('shows a log made anew with a new key, although the old head is by an unknown one', async () => {
    const thief = buildLog(SIZE, { signer: testSigner(66), text: (i, prev) => body(entryText(i, prev)) });
    const source = sourceOf(thief);
    const report = await verifyLog(source, { heads: [local(log)] });
    assert.deepEqual([report.append_only.status, exitCodeOf(report)], ['fail', 6]);
    assert.match(report.append_only.note ?? '', /no known key signed this head/);
  });

  it('holds from a head that is newer than the checkpoint when the entries reach it', async () => {
    const partly = buildLog(SIZE, { signed: 300 });
    const report = await verifyLog(sourceOf(partly), { pinned, heads: [local(log)] });
    assert.equal(exitCodeOf(report), 0);
  });

  it('accuses no copy that is older than a head, as far as it may be, and says what is known of the two', async () => {
    const copy = { checkpoint: async () => older.checkpoint };
    const expected = { begins: ['neutral', 0], differs: ['fail', 6], unknown: ['incomplete', 2] } as const;
    for (const relation of ['begins', 'differs', 'unknown'] as const) {
      const { report, exit } = await withHeads(older.lines, [{ ...local(log), older: relation }], copy);
      assert.deepEqual([report.append_only.status, exit], expected[relation]);
    }
    const { report } = await withHeads(older.lines, [{ ...local(log), older: 'begins' }], copy);
    assert.equal(
      report.append_only.note,
      'this copy has 200 entries; this machine remembers a head of 600: it is older, publish again',
    );
    // It is never asked about one that the copy claims to reach.
    const cut = await withHeads(older.lines, [{ ...local(log), older: 'begins' }]);
    assert.deepEqual([cut.report.append_only.status, cut.exit], ['fail', 6]);
    // Another head that does not fit is no better for it.
    const both = await withHeads(older.lines, [{ ...local(log), older: 'begins' }, local(log)], copy);
    assert.deepEqual([both.report.append_only.status, both.exit], ['fail', 6]);
  });

  it('is incomplete when a head cannot be used', async () => {
    const signed = new TextDecoder().decode(log.checkpoint);
    const unusable = [
      encodeUtf8('no checkpoint'),
      encodeUtf8(signed.replace('600', '601')),
      signCheckpoint({ origin: 'test.example/other', size: 3, root: new Uint8Array(32) }, [log.signer]),
    ];
    for (const checkpoint of unusable) {
      const { report, exit } = await withHeads(log.lines, [{ checkpoint, ground: 'given' }]);
      assert.deepEqual([report.append_only.status, exit], ['incomplete', 2]);
    }
  });
});

describe('completeness', () => {
  it('is incomplete while a file that recovery set aside is not acknowledged, and counts only when asked for', async () => {
    const setAside = ['entries/000000000000.jsonl.torn-0'];
    const { report, exit } = await verify(log.lines, { setAside });
    assert.deepEqual(
      [report.completeness.status, report.completeness.set_aside, exit],
      ['incomplete', setAside, 0],
    );
    assert.equal(exitCodeOf(report, { completeness: true }), 7);
    assert.equal(exitCodeOf((await verify(log.lines)).report, { completeness: true }), 0);
    assert.equal(exitCodeOf((await verify(edit(5, body), { setAside })).report, { completeness: true }), 6);
    assert.equal(report.origin, ORIGIN);
  });
});
