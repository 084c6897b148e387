import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { copyJson } from '../../src/core/copy.ts';

describe('a copy of plain JSON', () => {
  it('says the same and shares nothing', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value);
        // Parsed, so that a member named __proto__ is one.
        const original: unknown = JSON.parse(text);
        const copied = copyJson(original);
        assert.equal(JSON.stringify(copied), text);
        if (typeof original === 'object' && original !== null) assert.notEqual(copied, original);
      }),
    );
  });

  it('keeps a member named __proto__ as a member', () => {
    const copied = copyJson(JSON.parse('{"a":{"__proto__":{"b":1}}}'));
    assert.equal(JSON.stringify(copied), '{"a":{"__proto__":{"b":1}}}');
    assert.equal(Object.getPrototypeOf(copied.a), Object.prototype);
  });
});
