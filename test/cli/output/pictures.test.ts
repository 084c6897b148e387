import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { narrowRow } from '../../../src/cli/output/narrow.ts';
import { bar, sparkline, stepName, timeLine } from '../../../src/cli/output/spark.ts';
import { styleFor } from '../../../src/cli/output/style.ts';
import { tallyLines } from '../../../src/cli/output/tallies.ts';
import { textWidth } from '../../../src/cli/output/width.ts';
import { factsOf } from '../../../src/core/query/call.ts';
import { emptyTally } from '../../../src/core/query/sums.ts';

const PLAIN = styleFor(false);
const UTC = { utc: true };
const tally = (total: number) => ({ ...emptyTally(), total, succeeded: total });
const hour = (text: string, total: number) => ({ hour: `${text}:00:00.000Z`, tally: tally(total) });

describe('bars and lines', () => {
  it('show whatever there is, and nothing where there is nothing', () => {
    assert.equal(sparkline([0, 1, 500, 1000]), ' ▁▄█');
    assert.equal(sparkline([]), '');
    assert.equal(bar(0, 10), '');
    assert.equal(bar(1e-9, 10), '▏');
    assert.equal(bar(0.5, 10), '█████');
    assert.equal(bar(7, 2), '██');
  });

  it('take the finest steps that fit, with the empty ones in between', () => {
    const hours = [hour('2026-11-20T10', 3), hour('2026-11-20T13', 5)];
    const span = {
      fromMs: Date.parse('2026-11-20T10:30Z'),
      toMs: Date.parse('2026-11-20T13:00Z'),
      zone: UTC,
    };
    const fine = timeLine(hours, { ...span, most: 10 });
    assert.deepEqual(
      fine?.steps.map((step) => step.tally.total),
      [3, 0, 0, 5],
    );
    const coarse = timeLine(hours, { ...span, most: 2 });
    assert.deepEqual([coarse?.hours, coarse?.steps.map((step) => step.tally.total)], [2, [3, 5]]);
    assert.deepEqual([1, 3, 24, 168, 672].map(stepName), ['hour', '3 hours', 'day', 'week', '4 weeks']);
  });

  it('lose no row, whatever the times are and however narrow the place is', () => {
    const at = fc.integer({ min: Date.UTC(1990, 0), max: Date.UTC(2090, 0) });
    fc.assert(
      fc.property(
        fc.array(at, { minLength: 1, maxLength: 30 }),
        fc.integer({ min: 1, max: 200 }),
        (times, most) => {
          const hours = times.map((ms) => hour(new Date(ms).toISOString().slice(0, 13), 1));
          const ms = hours.map((each) => Date.parse(each.hour));
          const line = timeLine(hours, { fromMs: Math.min(...ms), toMs: Math.max(...ms), most, zone: UTC });
          if (line === undefined) return;
          assert.ok(line.steps.length <= most);
          assert.equal(
            line.steps.reduce((sum, step) => sum + step.tally.total, 0),
            times.length,
          );
        },
      ),
    );
  });

  it('passes over hours that are no times, and spans that are none', () => {
    assert.equal(
      timeLine([], { fromMs: Number.POSITIVE_INFINITY, toMs: Number.NEGATIVE_INFINITY, most: 9, zone: UTC }),
      undefined,
    );
    const line = timeLine([{ hour: 'yesterday-ish', tally: tally(4) }], {
      fromMs: 0,
      toMs: 1,
      most: 9,
      zone: UTC,
    });
    assert.equal(line?.steps[0]?.tally.total, 0);
  });
});

const hostile = fc.string({ unit: 'grapheme', maxLength: 60 });

describe('tables of counts and narrow rows', () => {
  it('fit every terminal, whatever the names are', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(hostile, fc.nat(1e9)), { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 40, max: 200 }),
        (named, width) => {
          const rows = named.map(([name, n]) => ({ name, tally: tally(n) }));
          for (const line of tallyLines([{ title: 'agent', rows }], { style: PLAIN, width })) {
            assert.ok(textWidth(line) <= width, `${line} has ${textWidth(line)} columns`);
            assert.doesNotMatch(line, /\p{Cc}/u);
          }
        },
      ),
    );
  });

  it('tell on forty columns what a table tells, and why a call was stopped', () => {
    const first = {
      index: 83,
      ts: '2026-11-20T12:00:00.000Z',
      type: 'http.call',
      phase: 'pre_exec',
      actor: { agent_id: 'builder' },
      action: {
        target: {
          scheme: 'https',
          host: 'api.example.com',
          path: '/v1/things/with/a/long/path',
          method: 'GET',
        },
      },
      decision: { outcome: 'stop', reason: 'domain_not_in_allowlist' },
    };
    const last = { phase: 'post_exec', outcome: { status: 'blocked', duration_ms: 1 } };
    const options = { style: PLAIN, zone: UTC, nowMs: Date.parse('2026-11-21T00:00Z'), raw: false };
    const lines = narrowRow(factsOf({ first, last }), options, 40);
    assert.deepEqual(lines, [
      '83  11-20 12:00:00  builder      blocked',
      '   GET api.example.com/v1/t…/a/long/path',
      '   stop domain_not_in_allowlist',
    ]);
    for (const line of lines) assert.ok(textWidth(line) <= 40);
  });

  it('never make a row wider than the terminal', () => {
    fc.assert(
      fc.property(hostile, hostile, fc.integer({ min: 40, max: 64 }), (agent, path, width) => {
        const entry = {
          index: 1,
          ts: '2026-11-20T12:00:00.000Z',
          type: 'http.call',
          actor: { agent_id: agent },
          action: { target: { host: 'h', path } },
        };
        const options = { style: PLAIN, zone: UTC, nowMs: 0, raw: false };
        for (const line of narrowRow(factsOf({ first: entry }), options, width))
          assert.ok(textWidth(line) <= width);
      }),
    );
  });
});
