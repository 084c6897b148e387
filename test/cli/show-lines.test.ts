import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Line, layLines } from '../../src/cli/commands/log/show-lines.ts';
import { styleFor } from '../../src/cli/output/style.ts';

const laid = (lines: readonly Line[], width: number | undefined): string[] =>
  layLines(lines, { style: styleFor(false), width, zone: { utc: true } });
const ID = 'log_01M7ZEZ2WGQSWJWPP2J4EW5DV4';

describe('the lines of log show', () => {
  it('stand beside their labels where there is room', () => {
    assert.deepEqual(laid([['part of', `run ${ID}`]], 60), [`  part of      run ${ID}`]);
    assert.deepEqual(laid([['time', 'one two three']], 24), [
      '  time         one two',
      '               three',
    ]);
    assert.deepEqual(laid([['read', 'x'.repeat(500)]], undefined), [`  read         ${'x'.repeat(500)}`]);
  });

  it('stand below them where an id would be broken in two, with all that is said there', () => {
    const lines: readonly Line[] = [
      ['part of', `run ${ID}`],
      ['', `tenant local  ${ID}  step`],
      ['outcome', 'ok'],
    ];
    assert.deepEqual(laid(lines, 40), [
      '  part of',
      `    run ${ID}`,
      '    tenant local',
      `    ${ID}  step`,
      '  outcome      ok',
    ]);
  });

  it('never break a word that fits into a line of 40 columns', () => {
    const words = ['a', 'bcd', ID, 'e'.repeat(25), 'f'.repeat(26), 'g'.repeat(36)];
    for (const first of words)
      for (const second of words)
        for (const line of laid([['label', `${first} ${second}`]], 40)) assert.ok(line.length <= 40, line);
  });
});
