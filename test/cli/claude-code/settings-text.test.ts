import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { readSettings, withMember } from '../../../src/cli/claude-code/settings-text.ts';

/** As JSON has it: no -0. */
const json = fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)) as unknown);
const members = fc.uniqueArray(fc.tuple(fc.string(), json), {
  selector: ([name]) => name,
  maxLength: 5,
});
const indent = fc.constantFrom(undefined, 2, 4, '\t');

describe('a member of a settings file', () => {
  it('is put in, replaced and taken out, and all else stays to the byte', () => {
    fc.assert(
      fc.property(members, indent, json, json, (all, space, one, two) => {
        const others = all.filter(([name]) => name !== 'hooks' && name !== '__proto__');
        const before = `${JSON.stringify(Object.fromEntries(others), null, space)}\n`;
        const first = withMember('f', before, 'hooks', one);
        assert.deepEqual(JSON.parse(first), { ...JSON.parse(before), hooks: one });
        const second = withMember('f', first, 'hooks', two);
        assert.deepEqual(JSON.parse(second), { ...JSON.parse(before), hooks: two });
        assert.equal(withMember('f', second, 'hooks', undefined), before);
      }),
      { numRuns: 300 },
    );
  });

  it('is taken out wherever it stands', () => {
    for (const [text, left] of [
      ['{"hooks": 1}', '{}'],
      ['{\n  "hooks": 1,\n  "b": 2\n}', '{\n  "b": 2\n}'],
      ['{"a": 1, "hooks": {"x": [1]}, "b": 2}', '{"a": 1, "b": 2}'],
      ['{"a": 1, "hooks": "}"}', '{"a": 1}'],
      ['{"a": 1}', '{"a": 1}'],
    ] as const)
      assert.equal(withMember('f', text, 'hooks', undefined), left);
  });

  it('of a file that is not there makes one', () => {
    assert.equal(withMember('f', '', 'hooks', {}), '{\n  "hooks": {}\n}\n');
  });
});

describe('settings that nobody could change without harm', () => {
  it('are refused with what is wrong and where, and in bounded time', () => {
    for (const [text, why] of [
      ['{\n  // mine\n  "a": 1\n}', /comments/],
      ['{"a": 1,}', /comma too many/],
      ['{\n  "a": \n}', /line 3, column 1/],
      ['[]', /not one JSON object/],
      ['{"hooks": {}, "hooks": {}}', /two members called "hooks"/],
      ['{"hooks": []}', /"hooks" is not an object/],
      ['{"env": 1}', /"env" is not an object/],
      ['\ufeff{}', /comments, or a comma/],
      [`${'['.repeat(100_000)}`, /nested too deep/],
    ] as const)
      assert.throws(
        () => readSettings('/srv/ada/settings.json', text),
        (error: Error) => {
          assert.match(error.message, /^\/srv\/ada\/settings\.json cannot be changed, and was not: /);
          assert.match(error.message, why);
          return true;
        },
      );
  });

  it('are read as any text, or refused', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        try {
          readSettings('f', text);
        } catch (error) {
          assert.equal((error as { code?: string }).code, 'BAD_CONFIG');
        }
      }),
      { numRuns: 500 },
    );
  });
});
