import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { decodeUtf8, encodeUtf8 } from '../../../src/core/bytes.ts';
import { createLineSplitter } from '../../../src/core/tlog/verify-lines.ts';

function split(blocks: readonly Uint8Array[]): { lines: (string | undefined)[]; open: number } {
  const lines: (string | undefined)[] = [];
  const splitter = createLineSplitter({
    line(block, start, end) {
      assert.ok(start >= 1);
      // What the leaf hash does.
      const before = block[start - 1] ?? 0;
      block[start - 1] = 0;
      lines.push(decodeUtf8(block.subarray(start, end)));
      block[start - 1] = before;
    },
    tooLong: () => lines.push(undefined),
  });
  for (const block of blocks) splitter.push(block);
  return { lines, open: splitter.open };
}

describe('the splitter of blocks into lines', () => {
  it('finds the same lines however the bytes are cut', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '\n', '\r'), maxLength: 60 });
    fc.assert(
      fc.property(text, fc.array(fc.nat(60), { maxLength: 8 }), (whole, cuts) => {
        const bytes = encodeUtf8(whole);
        const places = [
          0,
          ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b),
          bytes.length,
        ];
        const blocks = places.slice(1).map((to, i) => bytes.slice(places[i], to));
        const expected = whole.split('\n');
        const open = expected.pop()?.length;
        assert.deepEqual(split(blocks), { lines: expected, open });
      }),
      { numRuns: 1000 },
    );
  });

  it('takes lines of 65,535 bytes, and counts longer ones without keeping them', () => {
    for (const cut of [1, 1000, 65_535, 65_536, 200_000]) {
      const bytes = encodeUtf8(
        `a\n${'x'.repeat(65_535)}\n${'y'.repeat(65_536)}\n${'z'.repeat(100_000)}\nb\n${'t'.repeat(70_000)}`,
      );
      const blocks: Uint8Array[] = [];
      for (let at = 0; at < bytes.length; at += cut) blocks.push(bytes.slice(at, at + cut));
      const { lines, open } = split(blocks);
      assert.deepEqual(
        lines.map((line) => line?.length),
        [1, 65_535, undefined, undefined, 1],
      );
      assert.equal(open, 70_000);
    }
  });
});
