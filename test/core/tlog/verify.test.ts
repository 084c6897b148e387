import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encodeUtf8 } from '../../../src/core/bytes.ts';
import { isTallyError } from '../../../src/core/error.ts';
import { signCheckpoint } from '../../../src/core/tlog/checkpoint.ts';
import { type LogSource, type VerifyOptions, verifyLog } from '../../../src/core/tlog/verify.ts';
import { exitCodeOf, type Report } from '../../../src/core/tlog/verify-report.ts';
import { buildLog, bytesOf, entryText, ORIGIN, sourceOf, type TestLog, testSigner } from './fixture.ts';

/** Two full tiles and a partial one. */
const SIZE = 600;
const log = buildLog(SIZE);
const pinned = [log.signer.vkey];

async function verify(
  lines: readonly string[],
  changes: Partial<LogSource> = {},
  options: VerifyOptions = { pinned },
) {
  const report = await verifyLog(sourceOf(log, changes, bytesOf(lines)), options);
  return { report, exit: exitCodeOf(report) };
}

const edit = (index: number, change: (line: string) => string): string[] =>
  log.lines.with(index, change(log.lines[index] ?? ''));
const body = (line: string): string => line.replace('http.call', 'http.cAll');
const ownPrev = (line: string): string => line.replace(/"prev":".(?=[^"]*","tenant_id)/, '"prev":"!');
const line = (index: number): string => log.lines[index] ?? '';
const without = (...gone: readonly number[]): string[] => log.lines.filter((_, i) => !gone.includes(i));

function swap(a: number, b: number): string[] {
  return log.lines.with(a, line(b)).with(b, line(a));
}

const statuses = (report: Report) => ({
  integrity: report.integrity.status,
  chain: report.chain.status,
  append_only: report.append_only.status,
  signatures: report.signatures.status,
});

describe('verification of a whole log', () => {
  it('passes for every size, with and without stored tiles, however the blocks are cut', async () => {
    for (const size of [0, 1, 2, 255, 256, 257, 512, 600]) {
      const some = buildLog(size);
      for (const blockBytes of [7, 1000, 1 << 22]) {
        for (const changes of [{}, { tile: async () => undefined }]) {
          const report = await verifyLog(sourceOf(some, changes, undefined, blockBytes), { pinned });
          assert.equal(exitCodeOf(report), 0, JSON.stringify(report));
          assert.deepEqual(
            [report.entries, report.size, report.unsigned, report.torn_bytes],
            [size, size, 0, 0],
          );
          assert.equal(report.integrity.absent_tile_count, 'tile' in changes ? Math.floor(size / 256) : 0);
        }
      }
    }
  });

  it('passes for 70,000 entries, upper tiles included, and tells how far it is', async () => {
    const large = buildLog(70_000, { text: (index, prev) => `{"index":${index},"prev":"${prev}"}` });
    const asked: string[] = [];
    const seen: number[] = [];
    const report = await verifyLog(
      sourceOf(
        large,
        {
          tile: async (level, index) => {
            asked.push(`${level}/${index}`);
            return large.tiles.get(`${level}/${index}`);
          },
        },
        undefined,
        1 << 20,
      ),
      { pinned, onProgress: (entries) => seen.push(entries) },
    );
    assert.equal(exitCodeOf(report), 0);
    assert.equal(asked.length, 273 + 1);
    assert.ok(asked.includes('1/0'));
    assert.deepEqual(
      seen,
      seen.toSorted((a, b) => a - b),
    );
    assert.equal(seen.at(-1), 70_000);

    const upper = large.tiles.get('1/0')?.slice() ?? new Uint8Array(0);
    upper[100] = (upper[100] ?? 0) ^ 1;
    const damaged = await verifyLog(
      sourceOf(
        large,
        {
          tile: async (level, index) => (level === 1 ? upper : large.tiles.get(`${level}/${index}`)),
        },
        undefined,
        1 << 20,
      ),
      { pinned },
    );
    assert.deepEqual(damaged.integrity.damaged_tiles, [{ level: 1, index: 0 }]);
    assert.deepEqual([exitCodeOf(damaged), damaged.integrity.bad_count], [6, 0]);
  });

  it('counts entries after the checkpoint, which are chained but never called verified', async () => {
    const partly = buildLog(SIZE, { signed: 300 });
    const report = await verifyLog(sourceOf(partly), { pinned });
    assert.deepEqual([report.entries, report.size, report.unsigned, exitCodeOf(report)], [600, 300, 300, 0]);
  });

  it('leaves the verdicts that are not configured neutral', async () => {
    const { report } = await verify(log.lines);
    assert.deepEqual(
      [report.append_only.status, report.anchored.status, report.completeness.status],
      ['neutral', 'neutral', 'neutral'],
    );
  });
});

describe('an edited entry', () => {
  it('is named, and no other, wherever it stands', async () => {
    for (const index of [0, 1, 5, 255, 256, 300, 511, 512, 550, 598, 599]) {
      for (const change of [body, ownPrev, (text: string) => `!${text}`, (text: string) => `${text} `]) {
        const { report, exit } = await verify(edit(index, change));
        assert.equal(exit, 6);
        assert.equal(report.integrity.first_bad, index, `${index} ${change}`);
        assert.deepEqual(
          report.integrity.bad.map((bad) => bad.index),
          [index],
        );
        assert.equal(report.integrity.bad_count, 1);
      }
    }
  });

  it('is named with every other that is, in full tiles and in the partial one', async () => {
    const lines = edit(5, body)
      .with(300, body(line(300)))
      .with(520, body(line(520)))
      .with(580, body(line(580)));
    const { report } = await verify(lines);
    assert.deepEqual(
      report.integrity.bad.map(({ index }) => index),
      [5, 300, 520, 580],
    );
    assert.deepEqual(report.chain.breaks, [6, 301, 521, 581]);
    const partial = await verify(log.lines.with(520, body(line(520))).with(580, body(line(580))));
    assert.deepEqual(
      partial.report.integrity.bad.map(({ index }) => index),
      [520, 580],
    );
    const neighbours = await verify(log.lines.with(520, body(line(520))).with(521, body(line(521))));
    assert.deepEqual(
      neighbours.report.integrity.bad.map(({ index }) => index),
      [520, 521],
    );
  });

  it('is named without tiles by the entry after it, and the last one by elimination', async () => {
    const tile = async (): Promise<undefined> => undefined;
    for (const index of [0, 5, 300, 550, 598]) {
      const { report } = await verify(edit(index, body), { tile });
      assert.deepEqual(report.integrity.bad, [{ index, reason: 'chain' }]);
    }
    const { report } = await verify(edit(599, body), { tile });
    assert.deepEqual(report.integrity.bad, [{ index: 599, reason: 'elimination' }]);
  });

  it('is named when it carries another index', async () => {
    for (const index of [0, 5, 255, 550, 599]) {
      const renumbered = edit(index, (text) =>
        text.replace(`"index":${index},"m`, `"index":${index + 1},"m`),
      );
      const { report } = await verify(renumbered);
      assert.deepEqual(report.integrity.bad, [{ index, reason: 'index', carries: index + 1 }]);
    }
  });

  it('shows although the recorder itself signed it under a wrong index', async () => {
    const wrong = buildLog(20, { text: (index, prev) => entryText(index === 7 ? 8 : index, prev) });
    const report = await verifyLog(sourceOf(wrong), { pinned });
    assert.deepEqual(report.integrity.bad, [{ index: 7, reason: 'index', carries: 8 }]);
    assert.equal(exitCodeOf(report), 6);
  });

  it('shows when its tile was rewritten with it', async () => {
    const forged = buildLog(SIZE, {
      text: (index, prev) => (index === 300 ? body(entryText(index, prev)) : entryText(index, prev)),
    });
    const lines = log.lines.with(300, forged.lines[300] ?? '');
    const tile = log.tiles.get('0/1')?.slice() ?? new Uint8Array(0);
    tile.set(forged.leaves[300] ?? new Uint8Array(32), (300 - 256) * 32);
    const { report, exit } = await verify(lines, {
      tile: async (level, index) => (level === 0 && index === 1 ? tile : log.tiles.get(`${level}/${index}`)),
    });
    assert.deepEqual([exit, report.integrity.first_bad], [6, 300]);
    assert.deepEqual(report.chain.breaks, [301]);
  });

  it('shows when everything after it was chained and hashed anew', async () => {
    const forged = buildLog(SIZE, {
      text: (index, prev) => (index === 100 ? body(entryText(index, prev)) : entryText(index, prev)),
    });
    const withTiles = await verify(forged.lines);
    assert.deepEqual([withTiles.exit, withTiles.report.integrity.first_bad], [6, 100]);
    assert.equal(withTiles.report.integrity.bad_count, 512 - 100);
    const rehashed = await verify(forged.lines, { tile: async (l, i) => forged.tiles.get(`${l}/${i}`) });
    assert.equal(rehashed.exit, 6);
    assert.deepEqual(statuses(rehashed.report), {
      integrity: 'fail',
      chain: 'pass',
      append_only: 'neutral',
      signatures: 'pass',
    });
  });

  it('is not confused with a damaged tile: entries that lead to the signed root are whole', async () => {
    const tile = log.tiles.get('0/1')?.slice() ?? new Uint8Array(0);
    tile[40] = (tile[40] ?? 0) ^ 1;
    for (const broken of [tile, tile.slice(1)]) {
      const { report, exit } = await verify(log.lines, {
        tile: async (level, index) => (index === 1 ? broken : log.tiles.get(`${level}/${index}`)),
      });
      assert.deepEqual([exit, report.integrity.status, report.integrity.bad_count], [6, 'fail', 0]);
      assert.deepEqual(report.integrity.damaged_tiles, [{ level: 0, index: 1 }]);
    }
  });
});

describe('entries that are gone or moved', () => {
  it('are reported at the place of a deletion, not at every entry after it', async () => {
    for (const index of [0, 5, 255, 256, 511, 512, 550, 598]) {
      const { report, exit } = await verify(without(index));
      assert.deepEqual(report.integrity.missing, [{ from: index, to: index + 1 }], String(index));
      assert.deepEqual([exit, report.integrity.bad_count, report.integrity.first_bad], [6, 0, index]);
      assert.deepEqual(report.chain.breaks, [index + 1]);
    }
    const { report } = await verify(without(5, 7, 300, 301, 302, 570));
    assert.deepEqual(report.integrity.missing, [
      { from: 5, to: 6 },
      { from: 7, to: 8 },
      { from: 300, to: 303 },
      { from: 570, to: 571 },
    ]);
    assert.equal(report.integrity.missing_count, 6);
  });

  it('are reported beside an edit further on', async () => {
    const lines = edit(400, body).filter((_, i) => i !== 5);
    const { report } = await verify(lines);
    assert.deepEqual(report.integrity.missing, [{ from: 5, to: 6 }]);
    assert.deepEqual(report.integrity.bad, [{ index: 400, reason: 'bytes' }]);
  });

  it('are reported when the log was cut', async () => {
    for (const length of [0, 1, 256, 599]) {
      const { report, exit } = await verify(log.lines.slice(0, length));
      assert.deepEqual(report.integrity.missing, [{ from: length, to: 600 }]);
      assert.equal(exit, 6);
    }
  });

  it('are both named when swapped', async () => {
    for (const [a, b] of [
      [5, 6],
      [5, 300],
      [254, 255],
      [255, 256],
      [598, 599],
      [0, 599],
    ] as const) {
      const { report, exit } = await verify(swap(a, b));
      assert.deepEqual(report.integrity.bad, [
        { index: a, reason: 'index', carries: b },
        { index: b, reason: 'index', carries: a },
      ]);
      assert.deepEqual([exit, report.integrity.missing_count, report.integrity.extra_count], [6, 0, 0]);
    }
  });

  it('are extra when repeated or put in', async () => {
    const at = (index: number, put: string): string[] => log.lines.toSpliced(index, 0, put);
    for (const index of [6, 256, 300, 550]) {
      const repeated = await verify(at(index, line(5)));
      assert.deepEqual(repeated.report.integrity.extra, [{ before: index, carries: 5 }]);
      const junk = await verify(at(index, 'junk'));
      assert.deepEqual(junk.report.integrity.extra, [{ before: index }]);
      for (const { report, exit } of [repeated, junk])
        assert.deepEqual(
          [exit, report.integrity.bad_count, report.integrity.missing_count, report.unsigned],
          [6, 0, 0, 0],
        );
    }
  });

  it('are found where a newline tears one apart or joins two', async () => {
    for (const index of [5, 255, 300, 550]) {
      const torn = await verify(edit(index, (text) => `${text.slice(0, 50)}\n${text.slice(51)}`));
      assert.deepEqual([torn.exit, torn.report.integrity.first_bad], [6, index]);
      assert.deepEqual(torn.report.integrity.bad, [{ index, reason: 'unreadable' }]);
      const joined = await verify(log.lines.toSpliced(index, 2, `${line(index)}x${line(index + 1)}`));
      assert.deepEqual([joined.exit, joined.report.integrity.first_bad], [6, index]);
    }
  });

  it('are listed up to 1,000 and counted beyond', async () => {
    const large = buildLog(3000);
    const report = await verifyLog(sourceOf(large, {}, bytesOf(large.lines.map(() => 'x'))), { pinned });
    assert.deepEqual([report.integrity.bad.length, report.integrity.bad_count], [1000, 3000]);
    assert.deepEqual([report.chain.breaks.length, report.chain.break_count], [1000, 3000]);
  });

  it('are too long to be entries', async () => {
    for (const index of [5, 550]) {
      const { report } = await verify(edit(index, () => 'x'.repeat(200_000)));
      assert.deepEqual(report.integrity.bad, [{ index, reason: 'too_long' }]);
    }
  });
});

describe('the unsigned tail', () => {
  const partly = buildLog(SIZE, { signed: 300 });
  const report = (lines: readonly string[]) => verifyLog(sourceOf(partly, {}, bytesOf(lines)), { pinned });

  it('breaks the chain, not the tree, where it was altered', async () => {
    const last = partly.lines[599] ?? '';
    const altered = [
      partly.lines.with(400, body(partly.lines[400] ?? '')),
      partly.lines.toSpliced(400, 1),
      partly.lines.toSpliced(400, 0, 'junk'),
      partly.lines.with(599, last.replace('"index":599,"m', '"index":598,"m')),
    ];
    for (const lines of altered) {
      const answer = await report(lines);
      assert.deepEqual(
        [answer.integrity.status, answer.chain.status, exitCodeOf(answer)],
        ['pass', 'fail', 6],
      );
      assert.ok((answer.chain.breaks[0] ?? 0) >= 400);
    }
  });

  it('accuses the last signed entry by the word of the first unsigned one', async () => {
    const answer = await report(partly.lines.with(299, body(partly.lines[299] ?? '')));
    assert.deepEqual(
      answer.integrity.bad.map(({ index }) => index),
      [299],
    );
  });

  it('may end in a line that was never finished', async () => {
    for (const kept of [0, 1, 40]) {
      const bytes = bytesOf(partly.lines);
      const torn = new Uint8Array([...bytes, ...encodeUtf8('{"action":'.repeat(9)).slice(0, kept)]);
      const answer = await verifyLog(sourceOf(partly, {}, torn), { pinned });
      assert.deepEqual([answer.torn_bytes, answer.entries, exitCodeOf(answer)], [kept, 600, 0]);
    }
  });

  it('that ends below the checkpoint is a missing entry', async () => {
    const bytes = bytesOf(partly.lines.slice(0, 300));
    const answer = await verifyLog(sourceOf(partly, {}, bytes.slice(0, -1)), { pinned });
    assert.deepEqual(answer.integrity.missing, [{ from: 299, to: 300 }]);
    assert.equal(exitCodeOf(answer), 6);
  });
});

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
