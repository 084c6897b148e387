import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { diffLines, hunks } from '../../../src/cli/commands/policy/text-diff.ts';

describe('two texts line by line', () => {
  const side = (a: string, b: string, mark: '-' | '+'): string =>
    diffLines(a, b)
      .filter((line) => line.mark === ' ' || line.mark === mark)
      .map(({ text }) => text)
      .join('\n');

  it('give both texts back, and as few differences as there are', () => {
    const text = fc
      .array(fc.constantFrom('a', 'b', 'c', ''), { maxLength: 12 })
      .map((lines) => lines.join('\n'));
    fc.assert(
      fc.property(text, text, (a, b) => {
        assert.equal(side(a, b, '-'), a);
        assert.equal(side(a, b, '+'), b);
        if (a === b) assert.ok(diffLines(a, b).every(({ mark }) => mark === ' '));
      }),
      { numRuns: 2_000 },
    );
    assert.deepEqual(
      diffLines('a\nb\nc', 'a\nx\nc').map(({ mark }) => mark),
      [' ', '-', '+', ' '],
    );
  });

  it('end in bounded time where everything differs', () => {
    const lines = (n: number, of: string): string =>
      Array.from({ length: n }, (_, i) => `${of}${i}`).join('\n');
    const before = performance.now();
    const all = diffLines(lines(20_000, 'a'), lines(20_000, 'b'));
    assert.equal(all.length, 40_000);
    assert.ok(performance.now() - before < 5_000);
  });

  it('are shown with three lines around what differs', () => {
    const a = Array.from({ length: 20 }, (_, i) => String(i));
    const shown = hunks(diffLines(a.join('\n'), a.with(10, 'x').join('\n')));
    assert.deepEqual(
      shown.map((line) => (line === undefined ? '…' : line.mark + line.text)),
      ['…', ' 7', ' 8', ' 9', '-10', '+x', ' 11', ' 12', ' 13'],
    );
  });
});
