import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { isTallyError } from '../../../src/core/error.ts';
import { LIMITS } from '../../../src/core/limits.ts';
import { customRule } from '../../../src/core/redact/custom.ts';
import { createRedactor } from '../../../src/core/redact/redact.ts';
import { applyRules, newCounts, type Rule } from '../../../src/core/redact/rules.ts';

const anchorsOf = (pattern: string): readonly string[] => {
  const { anchors } = customRule({ name: 'x', pattern });
  assert.ok(typeof anchors !== 'string');
  return anchors.map((anchor) => anchor.text);
};

const refuses = (pattern: string, message: RegExp): void => {
  assert.throws(
    () => customRule({ name: 'x', pattern }),
    (error: unknown) => isTallyError(error) && error.code === 'BAD_CONFIG' && message.test(error.message),
    pattern,
  );
};

describe('patterns of a user', () => {
  it('are replaced under their own name, besides the built-in ones', () => {
    const redactor = createRedactor({
      patterns: [
        { name: 'employee', pattern: 'EMP-[0-9]{4,8}' },
        { name: 'project', pattern: '\\bproject (?:zeus|hera)\\b', ignoreCase: true },
      ],
    });
    const { value, count, rules } = redactor.redactText('EMP-12345 of Project Hera, ann@example.com');
    assert.equal(value, '[REDACTED:employee] of [REDACTED:project], [REDACTED:email]');
    assert.equal(count, 3);
    assert.deepEqual({ ...rules }, { employee: 1, project: 1, email: 1 });
  });

  it('are looked for by a text that every match holds', () => {
    assert.deepEqual(anchorsOf('EMP-[0-9]{4,8}'), ['EMP-']);
    assert.deepEqual(anchorsOf('[0-9]{3}ab[xy]longer'), ['longer']);
    assert.deepEqual(anchorsOf('foo[0-9]|bar[0-9]'), ['foo', 'bar']);
    assert.deepEqual(anchorsOf('(?:foo|bar)[0-9]{2}'), ['foo', 'bar']);
    assert.deepEqual(anchorsOf('a{0,3}bcxd?'), ['bcx']);
    assert.deepEqual(anchorsOf('ab"cde'), ['cde']);
    assert.deepEqual(anchorsOf('a\\.b[0-9]'), ['a.b']);
  });

  it('without such a text cost a walk, and are found all the same', () => {
    assert.deepEqual(anchorsOf('[0-9]{3}-[0-9]{3}'), []);
    assert.deepEqual(anchorsOf('foo[0-9]|[0-9]{3}'), []);
    const redactor = createRedactor({ patterns: [{ name: 'n', pattern: '[0-9]{3}-[0-9]{3}' }] });
    assert.equal(redactor.redactText('call 123-456').value, 'call [REDACTED:n]');
  });

  it('are refused when hostile text could make them slow, with the place and the mend', () => {
    refuses('(a+)+b', /"\+" repeats without an end at character 3/);
    refuses('aaa*', /"\*" repeats without an end/);
    refuses('a{3,}', /a repeat has no end/);
    refuses('(?:a{1,9}){1,9}bcd', /a group whose inside varies is repeated/);
    refuses('(?:a|ab){2}cd', /a group whose inside varies/);
    refuses('a{0,99}a{0,99}bcd', /in 10000 ways/);
    refuses('(?=abc)abc', /look-around/);
    refuses('(?<n>abc)', /look-around and named groups/);
    refuses('(abc)\\1', /"\\1" is not taken/);
    refuses('a{1,9999}bcd', /more than 512 characters/);
    refuses('ab', /fewer than 3 characters/);
    refuses('a{9,3}bcd', /ends before it starts/);
    refuses('[abc', /not closed/);
    refuses('(abc', /not closed/);
    refuses('abc)', /closes nothing/);
    refuses('*abc', /repeats nothing/);
    refuses('abc\\', /is not taken/);
    for (const name of ['', 'a b', ']', 'x'.repeat(65)]) {
      assert.throws(() => customRule({ name, pattern: 'abc' }), { code: 'BAD_CONFIG' });
    }
  });

  const piece = fc.constantFrom(
    'a',
    'b',
    'ab',
    '[ab]',
    '.',
    '\\d',
    '\\.',
    'a?',
    'b{1,3}',
    '[^a]{2}',
    '(?:a|bc)',
    '(?:ab)?',
    '^',
    '\\b',
    '"',
    '|',
    'é',
  );
  const anyPattern = fc.oneof(
    fc.array(piece, { minLength: 1, maxLength: 6 }).map((pieces) => pieces.join('')),
    fc.string({ unit: fc.constantFrom(...'ab(|)[]{}?*+.\\^$:1,0-'.split('')), maxLength: 12 }),
  );

  it('are either refused as a bad configuration or compile; nothing else is thrown', () => {
    fc.assert(
      fc.property(anyPattern, fc.boolean(), (pattern, ignoreCase) => {
        try {
          assert.ok(customRule({ name: 'x', pattern, ignoreCase }).expression.global);
        } catch (error) {
          assert.ok(isTallyError(error) && error.code === 'BAD_CONFIG', `${pattern}: ${error}`);
        }
      }),
      { numRuns: 5_000 },
    );
  });

  it('match only texts that hold one of their anchors', () => {
    let matched = 0;
    const letters = fc.constantFrom(
      'a',
      'b',
      'ab',
      'cab',
      '[ab]',
      '.',
      'a?',
      'b{1,3}',
      '[^a]{2}',
      '(?:a|bc)',
      '(?:ab)?',
      'c|',
    );
    const pattern = fc.array(letters, { minLength: 3, maxLength: 6 }).map((pieces) => pieces.join(''));
    const text = fc.string({ unit: fc.constantFrom(...'abABc'.split('')), minLength: 10, maxLength: 40 });
    fc.assert(
      fc.property(pattern, text, fc.boolean(), (source, subject, ignoreCase) => {
        let rule: Rule;
        try {
          rule = customRule({ name: 'x', pattern: source, ignoreCase });
        } catch (error) {
          if (isTallyError(error)) return;
          throw error;
        }
        if (typeof rule.anchors === 'string' || rule.anchors.length === 0) return;
        if (applyRules(subject, [rule], newCounts()) === subject) return;
        matched++;
        const seen = ignoreCase ? subject.toLowerCase() : subject;
        assert.ok(
          rule.anchors.some((anchor) => seen.includes(anchor.text)),
          source,
        );
      }),
      { numRuns: 5_000 },
    );
    assert.ok(matched > 100, `${matched}`);
  });

  it('end in bounded time at the limits that are allowed', { timeout: 60_000 }, () => {
    const most = LIMITS.patternWays;
    for (const pattern of [
      `a{1,${most}}bc`,
      'a{0,10}a{0,10}bcd',
      'a?a?a?a?a?a?a?bcd',
      `(?:aaa|aab)a{1,${most / 2}}c`,
    ]) {
      const rule = customRule({ name: 'x', pattern });
      const start = performance.now();
      applyRules('a'.repeat(1_000_000), [rule], newCounts());
      assert.ok(performance.now() - start < 10_000, pattern);
    }
  });
});
