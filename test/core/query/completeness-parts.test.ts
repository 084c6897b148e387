import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { JsonObject } from '../../../src/core/json.ts';
import type { CompletenessFindings } from '../../../src/core/query/completeness/findings.ts';
import { isComplete, judgeCompleteness } from '../../../src/core/query/completeness.ts';

const at = (second: number): string => new Date(Date.UTC(2026, 0, 1) + second * 1000).toISOString();

/** Entries of recorders in order: [recorder, entry]; numbers and times follow from their place. */
function logOf(entries: readonly (readonly [string, JsonObject])[]): readonly JsonObject[] {
  const next = new Map<string, number>();
  return entries.map(([recorder_id, entry], index) => {
    const seq = next.get(recorder_id) ?? 0;
    next.set(recorder_id, seq + 1);
    const source = { recorder_id, seq, assurance: 'enforced', ...(entry.source as JsonObject | undefined) };
    return { index, id: `log_${index}`, ts: at(index), ...entry, source };
  });
}

function judged(
  log: readonly JsonObject[],
  alive?: boolean,
  room?: number,
): CompletenessFindings & { readonly readings: number } {
  const judge = judgeCompleteness(room === undefined ? {} : { room });
  for (const entry of log) judge.see(entry);
  let readings = 1;
  for (const see of judge.further(alive)) {
    readings++;
    for (const entry of log) see(entry);
  }
  return { ...judge.finish(alive), readings };
}

const OPEN: JsonObject = { type: 'log.open' };
const CLOSE: JsonObject = { type: 'log.close' };
const imported = { source: { assurance: 'self_reported' }, metadata: { imported: { format: 'x' } } };

describe('completeness', () => {
  it('is the same however little may be open at once, at the price of more readings', () => {
    const step = fc.oneof(
      fc.record({ begin: fc.constant(true), run: fc.option(fc.nat(8), { nil: undefined }) }),
      fc.record({ end: fc.nat(60) }),
      fc.record({ bound: fc.constantFrom('run.start', 'run.end'), of: fc.nat(8) }),
    );
    let most = 0;
    let full = 0;
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 40, maxLength: 120 }),
        fc.constantFrom(true, false, undefined),
        (steps, alive) => {
          const log = logOf([
            ['a', OPEN],
            ...steps.map((one): readonly [string, JsonObject] => {
              if ('begin' in one)
                return [
                  'a',
                  {
                    type: 'tool.call',
                    phase: 'pre_exec',
                    ...(one.run === undefined ? {} : { run_id: `run_${one.run}` }),
                  },
                ];
              if ('end' in one)
                return ['a', { type: 'tool.call', phase: 'post_exec', parent_id: `log_${one.end}` }];
              return ['a', { type: one.bound, run_id: `run_${one.of}` }];
            }),
          ]);
          const { readings: _one, ...whole } = judged(log, alive);
          const { readings, ...parts } = judged(log, alive, 4);
          most = Math.max(most, readings);
          assert.ok(whole.exact);
          // Now and then one part of so little room is full: that is said, and what is counted then is less.
          if (parts.exact) assert.deepEqual(parts, whole);
          else full++;
        },
      ),
      { numRuns: 300 },
    );
    assert.ok(most > 4, 'several readings were needed');
    assert.ok(full < 10, `${full} of 300 were not exact`);
  });

  it('says that it is not exact rather than remember without end', () => {
    const log = logOf(
      Array.from({ length: 2_000 }, () => ['a', { type: 'tool.call', phase: 'pre_exec' }] as const),
    );
    const found = judged(log, false, 1);
    assert.equal(found.exact, false);
    assert.ok(found.readings <= 64 && !isComplete(found));
  });

  it('tells the times without a recorder, clean stops apart from crashes', () => {
    const found = judged(
      logOf([
        ['a', OPEN],
        ['a', { ...CLOSE, ts: at(10) }],
        ['b', { ...OPEN, ts: at(70) }],
        ['b', { type: 'custom', ts: at(80) }],
        ['c', { type: 'log.recover', ts: at(200) }],
        ['c', { ...OPEN, ts: at(201) }],
        ['c', { ...CLOSE, ts: at(202) }],
        ['d', { ...OPEN, ts: at(100) }],
      ]),
      true,
    );
    assert.deepEqual(found.crashed.listed, [
      { recorder_id: 'b', from: at(80), to: at(200), ms: 120_000, before: 4 },
    ]);
    assert.deepEqual([found.stopped.count, found.stopped.ms, found.stopped.longest?.before], [2, 60_000, 2]);
    assert.equal(found.stopped.listed[1]?.ms, 0, 'a clock that went back gives no negative time');
    assert.equal(found.abrupt_ends, 1);
    assert.ok(isComplete(found), 'who was not there missed nothing that anybody knows of');
  });

  it('names calls of imported files that have no result, and lets no file end what happened here', () => {
    const call = { type: 'tool.call', phase: 'pre_exec' };
    const found = judged(
      logOf([
        ['a', OPEN],
        ['a', call],
        ['a', { ...call, ...imported }],
        ['a', { type: 'tool.result', phase: 'post_exec', parent_id: 'log_1', ...imported }],
        ['a', { ...call, ...imported }],
        ['a', { type: 'tool.result', phase: 'post_exec', parent_id: 'log_4', ...imported }],
        ['a', { type: 'run.start', run_id: 'theirs', ...imported }],
      ]),
      true,
    );
    assert.deepEqual(
      found.imported_without_end.map(({ index }) => index),
      [2, 6],
    );
    assert.deepEqual([found.open_actions, found.without_end_count, found.open_runs], [1, 0, 0]);
    assert.ok(!isComplete(found));
  });

  it('names secrets that an agent used outside of any run, not those that it was refused', () => {
    const access = { type: 'secret.access', phase: 'pre_exec', actor: { is_agent: true } };
    const found = judged(
      logOf([
        ['a', OPEN],
        ['a', access],
        ['a', { ...access, phase: 'point', outcome: { status: 'blocked' }, decision: { outcome: 'stop' } }],
        ['a', { ...access, run_id: 'r' }],
        ['a', { ...access, actor: { is_agent: false } }],
        ['a', { ...access, ...imported }],
      ]),
      true,
    );
    assert.deepEqual(
      found.secrets_outside_runs.map(({ index }) => index),
      [1],
    );
  });

  it('names anchors that fail until they go well again', () => {
    const fail = (anchor: string): JsonObject => ({
      type: 'anchor.fail',
      metadata: { anchor, reason: 'down' },
    });
    const found = judged(
      logOf([
        ['a', OPEN],
        ['a', fail('tsa')],
        ['a', fail('git')],
        ['a', fail('git')],
        ['a', { type: 'anchor.ok', metadata: { anchor: 'tsa' } }],
      ]),
      true,
    );
    assert.deepEqual(found.failing, [{ kind: 'anchor', name: 'git', times: 2, last: 3, reason: 'down' }]);
  });

  it('remembers no more recorders than a log can need, and still counts those that ended abruptly', () => {
    const log = logOf(Array.from({ length: 3_000 }, (_, i) => [`rec_${i}`, OPEN] as const));
    const found = judged(log, true);
    assert.deepEqual([found.abrupt_ends, found.hole_count, found.crashed.count], [2_999, 0, 2_999]);
    assert.equal(found.crashed.listed.length, 1_000);
  });
});
