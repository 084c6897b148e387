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
    assert.ok(forms('k'.repeat(40)).length <= 48, `${forms('k'.repeat(40)).length}`);
  });

  it('cover JSON whatever subset of its special characters the serializer escapes', () => {
    const value = "k1=a+b/c&d'e";
    const special = "=+/&'";
    for (let chosen = 0; chosen < 2 ** special.length; chosen++)
      for (const width of ['toLowerCase', 'toUpperCase'] as const) {
        const text = [...value]
          .map((char) => {
            const at = special.indexOf(char);
            return at >= 0 && (chosen >> at) & 1 ? `\\u00${char.charCodeAt(0).toString(16)[width]()}` : char;
          })
          .join('');
        assert.ok(holds(`{"k":"${text}"}`, value), text);
      }
    const all = value.replace(/[^a-z0-9]/g, (char) => `\\u00${char.charCodeAt(0).toString(16)}`);
    assert.ok(holds(all, value));
    assert.ok(holds("'k1=a+b/c&d\\'e'", value), 'the repr of Python');
  });

  it('cover HTML entities, named, decimal and hexadecimal', () => {
    const value = 'k1=a+b/c&d"e\'f';
    const entities = (wanted: RegExp, entity: (code: number) => string): string =>
      value.replace(wanted, (char) => entity(char.charCodeAt(0)));
    const styles = [
      (code: number) => `&#${code};`,
      (code: number) => `&#x${code.toString(16)};`,
      (code: number) => `&#x${code.toString(16).toUpperCase()};`,
    ];
    for (const style of styles)
      for (const wanted of [/./g, /[^a-z0-9]/g, /[&"']/g, /[&"'/]/g, /[&"'+]/g, /[&"'/=]/g])
        assert.ok(holds(entities(wanted, style), value), entities(wanted, style));
    assert.ok(holds('k1=a+b&#x2F;c&amp;d&quot;e&#39;f', value));
    assert.ok(holds('k1&#x3D;a+b&#x2F;c&amp;d&quot;e&#39;f', value));
    assert.ok(holds('k1=a&#43;b/c&amp;d&quot;e&#39;f', value));
  });

  it('stand in the base64 of the base64 of any bytes around the value', () => {
    fc.assert(
      fc.property(secretValue, neighbours, neighbours, (value, before, after) => {
        const inside = Buffer.concat([before, Buffer.from(value), after]);
        for (const coding of ['base64', 'base64url'] as const) {
          const once = Buffer.concat([before, Buffer.from(inside.toString(coding)), after]);
          assert.ok(holds(once.toString(coding), value));
        }
      }),
    );
  });

  it('stand in UTF-16 text of either byte order', () => {
    const bytes = Buffer.from('before k1=a+b/c after', 'utf16le');
    assert.ok(holds(bytes.toString('latin1'), 'k1=a+b/c'));
    assert.ok(holds(bytes.swap16().toString('latin1'), 'k1=a+b/c'));
  });

  it('are made in bounded time and room for the largest value', { timeout: 20_000 }, () => {
    const value = '"\\\n<é€'.repeat(LIMITS.secretMaxBytes / 10);
    const total = forms(value).reduce((sum, form) => sum + form.length, 0);
    assert.ok(total < 1_000 * LIMITS.secretMaxBytes, `${total}`);
  });
});
