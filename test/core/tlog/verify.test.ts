import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encodeUtf8 } from '../../../src/core/bytes.ts';
import { GENESIS_PREV } from '../../../src/core/entry.ts';
import { verifyLog } from '../../../src/core/tlog/verify.ts';
import { exitCodeOf } from '../../../src/core/tlog/verify-report.ts';
import { buildLog, bytesOf, entryText, sourceOf } from './fixture.ts';
import { body, edit, line, log, pinned, SIZE, statuses, verify } from './mutilate.ts';

const ownPrev = (line: string): string => line.replace(/"prev":".(?=[^"]*","tenant_id)/, '"prev":"!');

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
          assert.equal(report.tiles.absent_count, 'tile' in changes ? Math.floor(size / 256) : 0);
        }
      }
    }
  });

  it('has no check mark for entries that are gone from the front and that nothing says were pruned', async () => {
    const some = buildLog(600);
    const left = bytesOf(some.lines.slice(256));
    const report = await verifyLog(sourceOf(some, { first: 256 }, left), { pinned });
    assert.equal(exitCodeOf(report), 6);
    assert.deepEqual([report.integrity.status, report.pruned?.status], ['fail', 'fail']);
    assert.equal(report.pruned?.entries, 256);
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
    assert.deepEqual(damaged.tiles.damaged, [{ level: 1, index: 0 }]);
    assert.deepEqual([exitCodeOf(damaged), damaged.integrity.bad_count], [0, 0]);
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
      assert.deepEqual([exit, report.integrity.status, report.tiles.status], [0, 'pass', 'incomplete']);
      assert.deepEqual(report.tiles.damaged, [{ level: 0, index: 1 }]);
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

  it('accuses no signed entry by lines that say they were it: what repeats some and is unreadable then breaks the chain', async () => {
    const small = buildLog(6);
    const claims = (index: number): string => entryText(index, GENESIS_PREV);
    for (const tail of [
      ['no entry', claims(3), claims(4), 'no entry'],
      ['no entry', claims(3), claims(4), '{}', 'no entry'],
      ['no entry', claims(0), claims(1)],
      [claims(0), claims(2)],
      ['no entry', claims(2), claims(3), claims(3), claims(5), claims(2), 'no entry'],
      small.lines,
    ]) {
      const report = await verifyLog(sourceOf(small, {}, bytesOf([...small.lines, ...tail])), {
        pinned: [small.signer.vkey],
      });
      assert.deepEqual([report.integrity.status, report.integrity.bad_count], ['pass', 0], tail.join('\n'));
      assert.equal(report.chain.status, 'fail');
      assert.equal(exitCodeOf(report), 6);
    }
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
