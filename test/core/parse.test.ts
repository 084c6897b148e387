import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { canonicalize } from '../../src/core/canonical.ts';
import { isExact, parseJson, saysTwice } from '../../src/core/parse.ts';
import { anyJson } from './entries.ts';

/** Pairs that V8 confuses when the first was parsed before: each with a first member of its own. */
const PAIRS: readonly (readonly [before: string, text: string])[] = [
  ['{"p1":1,"\\\\":2}', '{"p1":1,"\\n":2}'],
  ['{"p2":1,"\\\\":2}', '{"p2":1,"\\"":2}'],
  ['{"p3":1,"a\\\\":2,"x":1}', '{"p3":1,"a\\n":2,"x":"😀"}'],
  ['{"p4":1,"a\\\\u000f":2}', '{"p4":1,"a\\u000fBCDEF":2}'],
  ['{"p5":[{"\\\\":{"b\\\\":0}}]}', '{"p5":[{"\\n":{"b\\t":0}}]}'],
];

describe('parseJson', () => {
  it('reads a name with an escape as it is written, whatever was parsed before', () => {
    for (const [before, text] of PAIRS) {
      JSON.parse(before);
      parseJson(before);
      assert.equal(JSON.stringify(parseJson(text)), text);
    }
  });

  it('does so too when it tells how numbers were written', () => {
    for (const [before, text] of PAIRS) {
      const wide = (one: string): string => one.replace(/:(\d)/, ':1234567890123456789$1');
      JSON.parse(before);
      parseJson(wide(before), (value) => value);
      const read = parseJson(wide(text), (value, source) => (isExact(value) ? value : source));
      assert.equal(JSON.stringify(read), wide(text).replace(/\d{20}/, '"$&"'));
    }
  });

  it('tells a text that says a member twice, however it is written', () => {
    const twice = (text: string): boolean => saysTwice(text, parseJson(text));
    for (const text of ['{"a":1,"a":1}', '[{"b":{"a":1,"\\u0061" :2}}]', '{"__proto__":1,"__proto__":1}'])
      assert.equal(twice(text), true, text);
    for (const text of ['{"a":{"a":1}}', '[{"a":1},{"a":1}]', '{"a":"\\"a\\":","b":"x:"}', '"a"', '{}'])
      assert.equal(twice(text), false, text);
    fc.assert(fc.property(anyJson, (value) => !twice(JSON.stringify(value))));
  });

  it('gives back every canonical text, in any order of texts', () => {
    // Names that the engine could confuse, often enough to meet each other.
    const name = fc.array(fc.constantFrom('a', '\\', '"', '\n', '\u0001', 'u', '0', 'é'), { maxLength: 3 });
    const object = fc.dictionary(
      name.map((units) => units.join('')),
      anyJson,
      { maxKeys: 4 },
    );
    fc.assert(
      fc.property(fc.array(object, { maxLength: 6 }), (values) => {
        for (const value of values) {
          const text = canonicalize(value);
          assert.equal(canonicalize(parseJson(text)), text);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('keeps __proto__ a member, white space no matter, and the later of two members of one name', () => {
    assert.equal(JSON.stringify(parseJson('{"__proto__":{"\\n":1}}')), '{"__proto__":{"\\n":1}}');
    assert.equal(Object.keys(parseJson('{"_\\u005fproto__" : 1}') as object)[0], '__proto__');
    assert.deepEqual(parseJson('{ "a" : 1 , "\\u0061"\t:\n2 }'), { a: 2 });
    assert.deepEqual(parseJson('{"name_0":1,"\\n":"name_:"}'), { name_0: 1, '\n': 'name_:' });
  });

  it('refuses what JSON.parse refuses, with the same kind of error', () => {
    for (const text of ['{"\\n":}', '{"\\q":1}', '{"\\u00":1}', '{"\\n" 1}', '"\\', '{"a\n\\n":1}', '']) {
      assert.throws(() => JSON.parse(text), SyntaxError, text);
      assert.throws(() => parseJson(text), SyntaxError, text);
    }
  });

  it('agrees with JSON.parse on acceptance of any text made of JSON’s pieces', () => {
    const piece = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"',
      '\\',
      '\\"',
      '\\n',
      '"a"',
      '1',
      ' ',
      'true',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const text = pieces.join('');
        const accepts = (parse: (text: string) => unknown): boolean => {
          try {
            parse(text);
            return true;
          } catch (error) {
            assert.ok(error instanceof SyntaxError);
            return false;
          }
        };
        assert.equal(accepts(parseJson), accepts(JSON.parse));
      }),
      { numRuns: 5_000 },
    );
  });

  it('does not exhaust the stack', () => {
    const deep = `{"\\n":${'['.repeat(100_000)}${']'.repeat(100_000)}}`;
    assert.throws(() => parseJson(deep), SyntaxError);
  });

  it('ends in bounded time on a long text of escapes', () => {
    const text = `{"${'\\n'.repeat(250_000)}":"${'\\\\'.repeat(250_000)}"}`;
    const started = performance.now();
    assert.equal(Object.keys(parseJson(text) as object)[0]?.length, 250_000);
    assert.throws(() => parseJson(`"${'\\n'.repeat(500_000)}`), SyntaxError);
    assert.ok(performance.now() - started < 5_000);
  });

  it('costs no more than the length of a hostile text', () => {
    const started = performance.now();
    for (const piece of ['"\\', '\\" ', '"a', 'name_', '{"\\n"', '\\'])
      assert.throws(() => parseJson(piece.repeat(40_000)), SyntaxError);
    assert.deepEqual(parseJson(`{"name${'_'.repeat(300_000)}":{"\\n":1}}`), {
      [`name${'_'.repeat(300_000)}`]: { '\n': 1 },
    });
    // Linear, it takes some ten milliseconds; a search that begins again at each quote takes ten seconds.
    assert.ok(performance.now() - started < 3_000);
  });
});
