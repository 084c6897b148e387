import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { describeProgress, formatBytes } from '../../../src/cli/output/progress.ts';
import { safe, safeJsonText, toJson, toJsonLine } from '../../../src/cli/output/safe.ts';
import { sourceLines } from '../../../src/cli/output/sources.ts';
import { styleFor } from '../../../src/cli/output/style.ts';
import { layOut } from '../../../src/cli/output/table.ts';
import { fit, pad, textWidth, wrap } from '../../../src/cli/output/width.ts';

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const OBEYED = /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\u200b-\u200f\ufeff]/;
const hostile = fc.string({
  unit: fc.oneof(
    fc.constantFrom(
      '\u001b[2J',
      '\u009b',
      '\u202e',
      '\r',
      '\n',
      '\u0007',
      '\u200b',
      '😀',
      '語',
      'e\u0301',
      '\u{e0041}',
    ),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
  ),
});

describe('text of others', () => {
  it('holds nothing that a terminal obeys', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        assert.doesNotMatch(safe(text), OBEYED);
      }),
    );
  });

  it('is unchanged when it is harmless', () => {
    for (const text of ['api.stripe.com/v1', 'Grüße, 日本語 😀', 'a\\b "c"']) assert.equal(safe(text), text);
  });

  it('shows what was there', () => {
    assert.equal(safe('a\u001b[31mb\n\u009b\u202e'), 'a\\u001b[31mb\\n\\u009b\\u202e');
  });

  it('becomes one line of JSON that can be wrapped', () => {
    assert.equal(toJsonLine({ a: [1, 'x\n y'], b: {} }), '{ "a": [ 1, "x\\n y" ], "b": {} }');
  });

  it('keeps its value in JSON, and holds nothing that a terminal obeys there either', () => {
    fc.assert(
      fc.property(fc.jsonValue(), hostile, (value, text) => {
        const both = { value, text };
        const json = toJson(both);
        assert.deepEqual(JSON.parse(json), JSON.parse(JSON.stringify(both)));
        assert.doesNotMatch(json.replaceAll('\n', ''), OBEYED);
        assert.deepEqual(JSON.parse(safeJsonText(JSON.stringify(both))), JSON.parse(JSON.stringify(both)));
      }),
    );
  });
});

describe('width', () => {
  it('counts what a terminal shows', () => {
    assert.equal(textWidth('abc'), 3);
    assert.equal(textWidth('日本'), 4);
    assert.equal(textWidth('e\u0301'), 1);
    assert.equal(textWidth('😀'), 2);
  });

  it('cuts to any width, and never beyond', () => {
    fc.assert(
      fc.property(
        hostile.map(safe),
        fc.nat(40),
        fc.constantFrom('end' as const, 'middle' as const, 'words' as const),
        (text, width, from) => {
          assert.ok(textWidth(fit(text, width, from)) <= width);
          assert.ok(textWidth(pad(fit(text, width, from), width)) >= width);
        },
      ),
    );
  });

  it('keeps both ends when it cuts in the middle', () => {
    assert.equal(fit('api.example.com/v1/charges/17', 20, 'middle'), 'api.example.com/…/17');
    assert.equal(fit('api.example.com/v1/charges/17', 26, 'middle'), 'api.example.com/v1/cha…/17');
    assert.equal(fit('api.example.com/v1/deployments', 26, 'middle'), 'api.example.c…/deployments');
    assert.equal(fit('abcdefghijklmnopqrstuvwxyz', 16, 'middle'), 'abcdefghij…vwxyz');
  });

  it('leaves whole words alone, where it is told to', () => {
    assert.equal(fit('stop method_not_allowed', 12, 'words'), 'stop');
    assert.equal(fit('stop now please', 12, 'words'), 'stop now');
    assert.equal(fit('method_not_allowed', 8, 'words'), 'method_…');
  });

  it('wraps at spaces and keeps long words whole', () => {
    assert.deepEqual(wrap('one two three', 7), ['one two', 'three']);
    assert.deepEqual(wrap('a verylongword b', 5), ['a', 'verylongword', 'b']);
    assert.deepEqual(wrap('one two', undefined), ['one two']);
  });
});

describe('a table', () => {
  const columns = [
    { header: '#', align: 'right' as const },
    { header: 'WHO', shrinkTo: 4, optional: 2 },
    { header: 'WHAT', shrinkTo: 8, weight: 3, cut: 'middle' as const },
    { header: 'TOOK', align: 'right' as const, optional: 3 },
  ];
  const cell = hostile.map(safe).map((text) => ({ text }));

  it('never exceeds the terminal once its columns fit at all', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(
            fc.nat(9999).map((n) => ({ text: String(n) })),
            cell,
            cell,
            cell,
          ),
          { maxLength: 10 },
        ),
        fc.integer({ min: 40, max: 200 }),
        (rows, width) => {
          const layout = layOut(columns, rows, width);
          for (const line of [layout.header((text) => text), ...rows.map((row) => layout.row(row))]) {
            assert.ok(textWidth(line) <= width, `${textWidth(line)} > ${width}: ${line}`);
          }
        },
      ),
    );
  });

  it('cuts nothing on a pipe', () => {
    const rows = [[{ text: '1' }, { text: 'a'.repeat(300) }, { text: 'b'.repeat(300) }, { text: 'c' }]];
    const line = layOut(columns, rows, undefined).row(rows[0] ?? []);
    for (const text of ['a'.repeat(300), 'b'.repeat(300)]) assert.ok(line.includes(text));
  });

  it('does not pad every row of a pipe to the one text that is very long', () => {
    const rows = ['a'.repeat(300), 'a'].map((text) => [
      { text: '1' },
      { text },
      { text: 'b' },
      { text: 'c' },
    ]);
    const layout = layOut(columns, rows, undefined);
    const [long = '', short = ''] = rows.map((row) => layout.row(row));
    assert.ok(long.includes('a'.repeat(300)));
    assert.ok(textWidth(short) <= 120, String(textWidth(short)));
  });

  it('leaves out the most dispensable column first', () => {
    const rows = [[{ text: '123456' }, { text: 'who' }, { text: 'x'.repeat(50) }, { text: '123456789' }]];
    assert.deepEqual(
      layOut(columns, rows, 25).shown.map(({ at }) => at),
      [0, 1, 2],
    );
    assert.deepEqual(
      layOut(columns, rows, 18).shown.map(({ at }) => at),
      [0, 2],
    );
  });

  it('paints after it cut, so that colours are always closed', () => {
    const { red } = styleFor(true);
    const rows = [[{ text: '1' }, { text: 'w' }, { text: 'x'.repeat(80), paint: red }, { text: '' }]];
    const line = layOut(columns, rows, 40).row(rows[0] ?? []);
    const [before = '', inside = '', behind] = line.split('\u001b');
    assert.deepEqual([before.trim(), behind], ['1  w', '[39m']);
    assert.match(inside, /^\[31mx+…x+$/);
  });
});

describe('sources', () => {
  it('say of whom nothing is known that it has no name, where others have one', () => {
    const none = { observed: 0, self_reported: 0, open_actions: 0, open_runs: 0, unknown_ends: 0 };
    const missing = { without_end: 0, runs_without_end: 0, steps_missing: 0, gaps: 0, complete: true };
    const counts = { entries: 1, enforced: 1, ...none, ...missing };
    const named = (agents: readonly string[], entries: number) =>
      sourceLines(
        [
          {
            surface: 'sdk',
            ...counts,
            entries,
            agents: agents.map((agent) => ({ agent, ...counts })),
          } as unknown as Parameters<typeof sourceLines>[0][number],
        ],
        styleFor(false),
        undefined,
      ).map((line) => line.split('  ')[0]);
    assert.deepEqual(named(['a', 'b'], 3), ['sdk (no agent)', 'sdk a', 'sdk b']);
    assert.deepEqual([named(['a'], 3), named([], 3)], [['sdk a'], ['sdk']]);
  });
});

describe('progress', () => {
  it('tells the share, the rate and the time left', () => {
    assert.equal(
      describeProgress('verifying', 'MB', 50, 200, 1000),
      'verifying  ██████░░░░░░░░░░░░░░░░░░  25 %  50 MB/s  3.00 s left',
    );
  });

  it('does not invent a rate or an end', () => {
    assert.equal(describeProgress('reading', 'entries', 0, undefined, 0), 'reading  0 entries  0 entries/s');
    assert.doesNotMatch(describeProgress('verifying', 'MB', 0, 10, 5), /left/);
  });

  it('writes bytes in the unit a person would', () => {
    assert.deepEqual([0, 999, 1400, 83_000_000, 8_400_000_000].map(formatBytes), [
      '0 B',
      '999 B',
      '1.4 kB',
      '83 MB',
      '8.4 GB',
    ]);
  });
});
