import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { verifyLog } from '../../../src/core/tlog/verify.ts';
import { buildLog, bytesOf, sourceOf } from './fixture.ts';
import { body, edit, line, log, pinned, verify } from './mutilate.ts';

const without = (...gone: readonly number[]): string[] => log.lines.filter((_, i) => !gone.includes(i));

function swap(a: number, b: number): string[] {
  return log.lines.with(a, line(b)).with(b, line(a));
}

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
