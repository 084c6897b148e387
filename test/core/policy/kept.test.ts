import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { TallyError } from '../../../src/core/error.ts';
import { compilePolicy } from '../../../src/core/policy/load.ts';
import { createRedactor } from '../../../src/core/redact/redact.ts';

const compile = (rest: string): unknown => compilePolicy(`version: "1"\n${rest}`, { id: 'local' });

describe('names that records would not keep', () => {
  for (const [what, rest] of [
    ['a user called by an e-mail address', 'users: { "ann@pay.example": { roles: [member] } }'],
    ['an agent called by one', 'agents: { "bot@pay.example": {} }'],
    ['a user called by the number of a card', 'users: { "4111111111111111": { roles: [member] } }'],
    ['a tool called by a token', `tools: { "ghp_${'a1B2'.repeat(9)}": {} }`],
  ] as const)
    it(`are refused: ${what}`, () => {
      assert.throws(
        () => compile(rest),
        (error) =>
          error instanceof TallyError &&
          error.code === 'POLICY_INVALID' &&
          /no record would keep/.test(error.message),
      );
    });

  it('are told with what to write, and with their place', () => {
    assert.throws(
      () => compile('users:\n  "ann@pay.example": { roles: [member] }'),
      (error) =>
        error instanceof TallyError &&
        error.details?.line === 3 &&
        /u_1: \{ email: ann@pay\.example \}/.test(`${error.message} ${error.hint}`),
    );
  });

  it('are few: those that people and programs have are kept, and so is the e-mail of a user', () => {
    const names = [
      'u_17',
      'ann',
      'svc:deploy',
      'team-7.bot',
      'refund.create',
      'u_99999',
      'Ann Miller',
      'ünal',
    ];
    const users = names.map((name) => `  ${JSON.stringify(name)}: { roles: [member] }`).join('\n');
    compile(`users:\n${users}\n  u_1: { roles: [member], email: ann@pay.example }`);
    const short = fc.string({
      unit: fc.constantFrom(...'abzAZ059_.:-'),
      minLength: 1,
      maxLength: 16,
    });
    const redactor = createRedactor();
    fc.assert(
      fc.property(short, (name) => {
        // What is not looked at more closely is nothing that is redacted.
        if (!/\d{6}/.test(name)) assert.equal(redactor.redactText(name).count, 0, name);
      }),
      { numRuns: 2_000 },
    );
    for (const name of names) assert.equal(createRedactor().redactText(name).count, 0, name);
  });
});
