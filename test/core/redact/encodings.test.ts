import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { LIMITS } from '../../../src/core/limits.ts';
import { formsOf } from '../../../src/core/redact/encodings.ts';
import { secretValue } from './samples.ts';

const forms = (value: string): readonly string[] => formsOf(value, LIMITS.secretMinBytes);
const holds = (text: string, value: string): boolean => forms(value).some((form) => text.includes(form));
const neighbours = fc.uint8Array({ maxLength: 7 });

describe('the searched forms of a value', () => {
  it('begin with the value and hold nothing twice, and nothing that would match by chance', () => {
    fc.assert(
      fc.property(secretValue, (value) => {
        const list = forms(value);
        assert.equal(list[0], value);
        assert.equal(new Set(list).size, list.length);
        assert.ok(list.every((form) => Buffer.byteLength(form) >= LIMITS.secretMinBytes));
      }),
    );
  });

  it('stand in the base64 of any bytes around the value, with both alphabets', () => {
    fc.assert(
      fc.property(secretValue, neighbours, neighbours, (value, before, after) => {
        const bytes = Buffer.concat([before, Buffer.from(value), after]);
        assert.ok(holds(bytes.toString('base64'), value));
        assert.ok(holds(bytes.toString('base64url'), value));
      }),
      { numRuns: 1_000 },
    );
  });

  it('cover the whole base64 of the value alone, padding included', () => {
    fc.assert(
      fc.property(secretValue, (value) => {
        const text = Buffer.from(value).toString('base64');
        for (const whole of [text, text.replace(/=+$/, '')]) assert.ok(forms(value).includes(whole));
      }),
    );
  });

  it('are few for a usual key: every one costs a place in the tables', () => {
    assert.ok(forms('k'.repeat(40)).length <= 24, `${forms('k'.repeat(40)).length}`);
  });

  it('are made in bounded time and room for the largest value', { timeout: 20_000 }, () => {
    const value = '"\\\n<é€'.repeat(LIMITS.secretMaxBytes / 10);
    const total = forms(value).reduce((sum, form) => sum + form.length, 0);
    assert.ok(total < 1_000 * LIMITS.secretMaxBytes, `${total}`);
  });
});
