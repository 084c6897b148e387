import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createMatcher, type Pattern, viewOf } from '../../../src/core/redact/matcher.ts';

/** Few letters, so that patterns overlap and begin alike. */
const bytes = (minLength: number, maxLength: number): fc.Arbitrary<Uint8Array> =>
  fc.array(fc.constantFrom(0x61, 0x62, 0xff), { minLength, maxLength }).map((list) => Uint8Array.from(list));

const patternSet: fc.Arbitrary<readonly Pattern[]> = fc
  .array(bytes(4, 12), { maxLength: 6 })
  .map((list) => list.map((pattern, i) => ({ bytes: pattern, name: `p${i}` })));

const startsAt = (text: Uint8Array, at: number, pattern: Uint8Array): boolean =>
  at + pattern.length <= text.length && pattern.every((byte, i) => text[at + i] === byte);

describe('matcher', () => {
  it('finds what comparing every pattern at every place finds, the longest first', () => {
    fc.assert(
      fc.property(patternSet, bytes(0, 60), (patterns, text) => {
        const matcher = createMatcher(patterns);
        const found: unknown[] = [];
        for (let from = 0; from <= text.length; ) {
          const hit = matcher.find(viewOf(text), from, text.length, text.length);
          if (hit === undefined) break;
          found.push({ ...hit });
          from = hit.start + 1;
        }
        const expected: unknown[] = [];
        for (let at = 0; at < text.length; at++) {
          const [best] = patterns
            .filter((p) => startsAt(text, at, p.bytes))
            .sort((a, b) => b.bytes.length - a.bytes.length);
          if (best !== undefined) expected.push({ start: at, end: at + best.bytes.length, name: best.name });
        }
        assert.deepEqual(found, expected);
      }),
      { numRuns: 2_000 },
    );
  });

  it('keeps to the bounds it is given', () => {
    const matcher = createMatcher([{ bytes: Buffer.from('abcd'), name: 'x' }]);
    const view = viewOf(new Uint8Array(Buffer.from('xxabcdabcd')));
    assert.equal(matcher.find(view, 0, 10, 10)?.start, 2);
    assert.equal(matcher.find(view, 3, 10, 10)?.start, 6);
    assert.equal(matcher.find(view, 3, 6, 10), undefined);
    assert.equal(matcher.find(view, 3, 10, 9), undefined);
  });

  it('says from where on the end of the text may be the beginning of a pattern', () => {
    fc.assert(
      fc.property(patternSet, bytes(0, 40), (patterns, text) => {
        const matcher = createMatcher(patterns);
        let expected = text.length;
        for (let at = text.length - 1; at >= 0; at--) {
          const rest = text.subarray(at);
          if (patterns.some((p) => p.bytes.length > rest.length && startsAt(p.bytes, 0, rest))) expected = at;
        }
        assert.equal(matcher.firstOpen(viewOf(text), 0, text.length), expected);
      }),
      { numRuns: 2_000 },
    );
  });

  it('finds every one of thousands of patterns', () => {
    const patterns = Array.from({ length: 20_000 }, (_, i) => ({
      bytes: Buffer.from(`value-${i * 7919}-end`),
      name: `${i}`,
    }));
    const matcher = createMatcher(patterns);
    for (let i = 0; i < patterns.length; i += 97) {
      const text = new Uint8Array(Buffer.from(`before value-${i * 7919}-end after`));
      const hit = matcher.find(viewOf(text), 0, text.length, text.length);
      assert.deepEqual({ start: hit?.start, name: hit?.name }, { start: 7, name: `${i}` });
    }
  });

  it('finds nothing without patterns', () => {
    const none = createMatcher([]);
    assert.equal(none.find(viewOf(new Uint8Array(10)), 0, 10, 10), undefined);
    assert.equal(none.firstOpen(viewOf(new Uint8Array(10)), 0, 10), 10);
  });

  it('ends in bounded time on a text that begins a pattern at every place', { timeout: 20_000 }, () => {
    const matcher = createMatcher([
      { bytes: new Uint8Array(1_000).fill(0x61).fill(0x62, 500, 501), name: 'x' },
      { bytes: Buffer.from('aaaaaaaab'), name: 'y' },
    ]);
    const text = new Uint8Array(1_000_000).fill(0x61);
    assert.equal(matcher.find(viewOf(text), 0, text.length, text.length), undefined);
    assert.equal(matcher.firstOpen(viewOf(text), 0, text.length), text.length - 500);
  });
});
