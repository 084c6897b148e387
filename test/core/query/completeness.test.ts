import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JsonObject } from '../../../src/core/json.ts';
import { isComplete, judgeCompleteness } from '../../../src/core/query/completeness.ts';
import { parseLine } from '../../../src/core/query/line.ts';
import { machine } from '../../support/recorder.ts';

interface Said extends JsonObject {
  readonly type: string;
}

/** Entries of recorders in order: [recorder, seq, entry]. */
function judged(entries: readonly (readonly [string, number, Said])[], alive?: boolean) {
  const judge = judgeCompleteness();
  entries.forEach(([recorder_id, seq, entry], index) => {
    judge.see({ index, id: `log_${index}`, ...entry, source: { recorder_id, seq } });
  });
  return judge.finish(alive);
}

const OPEN: Said = { type: 'log.open' };
const CLOSE: Said = { type: 'log.close' };
const PRE: Said = { type: 'http.call', phase: 'pre_exec' };
const post = (parent: number, status = 'ok'): Said => ({
  type: 'http.call',
  phase: 'post_exec',
  parent_id: `log_${parent}`,
  outcome: { status },
});

describe('completeness', () => {
  it('holds for pairs, runs and numbers without holes', () => {
    const found = judged([
      ['a', 0, OPEN],
      ['a', 1, { type: 'run.start', run_id: 'r' }],
      ['a', 2, { ...PRE, run_id: 'r' }],
      ['a', 3, { ...post(2), run_id: 'r' }],
      ['a', 4, { type: 'run.end', run_id: 'r' }],
      ['a', 5, CLOSE],
    ]);
    assert.ok(isComplete(found));
    assert.equal(found.abrupt_ends, 0);
  });

  it('names an action without an end when its recorder is gone', () => {
    const found = judged([
      ['a', 0, OPEN],
      ['a', 1, PRE],
      ['b', 0, OPEN],
      ['b', 1, CLOSE],
    ]);
    assert.deepEqual(found.without_end, [{ index: 1, id: 'log_1', type: 'http.call' }]);
    assert.equal(found.abrupt_ends, 1);
    assert.ok(!isComplete(found));
  });

  it('calls it open while its recorder lives, and while nobody can tell', () => {
    for (const alive of [true, undefined]) {
      const found = judged(
        [
          ['a', 0, OPEN],
          ['a', 1, PRE],
          ['a', 2, { type: 'run.start', run_id: 'r' }],
        ],
        alive,
      );
      assert.deepEqual([found.open_actions, found.open_runs], [1, 1]);
      assert.ok(isComplete(found));
    }
  });

  it('does not call it open when the recorder is known to be gone', () => {
    const found = judged(
      [
        ['a', 0, OPEN],
        ['a', 1, PRE],
      ],
      false,
    );
    assert.equal(found.without_end_count, 1);
  });

  it('takes an end that nobody saw for an end, and counts it', () => {
    const found = judged([
      ['a', 0, OPEN],
      ['a', 1, PRE],
      ['b', 0, OPEN],
      ['b', 1, post(1, 'unknown')],
      ['b', 2, CLOSE],
    ]);
    assert.ok(isComplete(found));
    assert.equal(found.unknown_ends, 1);
  });

  it('does not take what a client says for the end of an enforced action, nor of a run that the recorder began', () => {
    const judge = judgeCompleteness();
    const say = (index: number, assurance: string, entry: Said) =>
      judge.see({ index, id: `log_${index}`, ...entry, source: { recorder_id: 'a', seq: index, assurance } });
    say(0, 'observed', OPEN);
    say(1, 'observed', { type: 'run.start', run_id: 'r' });
    say(2, 'enforced', PRE);
    say(3, 'self_reported', post(2));
    say(4, 'self_reported', PRE);
    say(5, 'self_reported', post(4));
    say(6, 'self_reported', { type: 'run.end', run_id: 'r' });
    say(7, 'self_reported', { type: 'run.start', run_id: 'told' });
    say(8, 'self_reported', { type: 'run.start', run_id: 'told and ended' });
    say(9, 'self_reported', { type: 'run.end', run_id: 'told and ended' });
    say(10, 'observed', CLOSE);
    const found = judge.finish(false);
    assert.deepEqual(
      found.without_end.map(({ index }) => index),
      [2],
    );
    assert.deepEqual(found.runs_without_end, ['r', 'told']);
  });

  it('says of each source what it told, how much of it was held, and what has no end', () => {
    const judge = judgeCompleteness();
    const say = (index: number, surface: string, assurance: string, entry: Said) =>
      judge.see({
        index,
        id: `log_${index}`,
        ...entry,
        source: { recorder_id: 'a', seq: index, assurance, surface },
      });
    say(0, 'server', 'enforced', OPEN);
    say(1, 'sdk', 'enforced', PRE);
    say(2, 'sdk', 'enforced', post(1));
    say(3, 'sdk', 'enforced', PRE);
    say(4, 'http', 'self_reported', { type: 'step.note', phase: 'point' });
    say(5, 'http', 'self_reported', { type: 'log.gap', phase: 'point', metadata: { surface: 'sdk' } });
    say(6, 'server', 'enforced', CLOSE);
    const { sources } = judge.finish(false);
    const told = (name: string) => sources.find(({ surface }) => surface === name);
    assert.deepEqual(
      sources.map(({ surface }) => surface),
      ['server', 'sdk', 'http'],
    );
    assert.partialDeepStrictEqual(told('sdk'), { entries: 3, enforced: 3, without_end: 1, gaps: 1 });
    assert.partialDeepStrictEqual(told('http'), { entries: 2, self_reported: 2, without_end: 0, gaps: 0 });
  });

  it('names the hole in the numbers of a recorder', () => {
    const found = judged([
      ['a', 0, OPEN],
      ['b', 0, OPEN],
      ['a', 3, CLOSE],
      ['b', 1, CLOSE],
    ]);
    assert.deepEqual(found.holes, [{ recorder_id: 'a', from: 1, to: 3, before: 2 }]);
  });

  it('names the times without recording', () => {
    assert.deepEqual(
      judged([
        ['a', 0, OPEN],
        ['a', 1, { type: 'log.gap' }],
        ['a', 2, CLOSE],
      ]).gaps,
      [1],
    );
  });

  it('lets a run go on under the next recorder', () => {
    const found = judged([
      ['a', 0, OPEN],
      ['a', 1, { type: 'run.start', run_id: 'r' }],
      ['b', 0, OPEN],
      ['b', 1, { type: 'step.note', run_id: 'r' }],
    ]);
    assert.equal(found.open_runs, 1);
    assert.ok(isComplete(found));
  });

  it('holds for what a real recorder writes, and not for the same log with an entry taken out', async () => {
    const { disk, open } = await machine();
    const recorder = await open();
    const producer = { surface: 'sdk', assurance: 'observed' } as const;
    const { id } = await recorder.record({ type: 'tool.call', phase: 'pre_exec' }, producer);
    await recorder.record(
      { type: 'tool.call', phase: 'post_exec', parent_id: id, outcome: { status: 'ok' } },
      producer,
    );
    await recorder.close('end');
    const lines = (disk.segments.get(0)?.toString() ?? '').trimEnd().split('\n');
    const complete = (kept: readonly string[]): boolean => {
      const judge = judgeCompleteness();
      for (const line of kept) {
        const parsed = parseLine(Buffer.from(line));
        assert.ok('entry' in parsed);
        judge.see(parsed.entry);
      }
      return isComplete(judge.finish(undefined));
    };
    assert.ok(complete(lines));
    for (let i = 0; i < lines.length - 1; i++)
      assert.ok(!complete(lines.toSpliced(i, 1)), `without line ${i}`);
  });
});
