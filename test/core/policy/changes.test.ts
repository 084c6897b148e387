import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { policyChanges } from '../../../src/core/policy/changes.ts';
import { compilePolicy } from '../../../src/core/policy/load.ts';

const compiled = (text: string) => compilePolicy(text, { id: 'local' }).compiled;

const told = (before: string, after: string): readonly string[] =>
  policyChanges(compiled(`version: "1"\n${before}`), compiled(`version: "1"\n${after}`)).map(
    ({ section, what, name }) => `${section} ${what}${name === undefined ? '' : ` ${name}`}`,
  );

describe('what changes between two policies', () => {
  it('is nothing where only the text differs', () => {
    assert.deepEqual(told('allowlist: [A.example.]  # a note', 'allowlist:\n  - a.example'), []);
  });

  const CHANGES: Readonly<Record<string, readonly [before: string, after: string, told: readonly string[]]>> =
    {
      'a host': [
        'allowlist: [a.example]',
        'allowlist: [b.example]',
        ['allowlist removed a.example', 'allowlist added b.example'],
      ],
      'what narrows a host': [
        'allowlist: [a.example]',
        'allowlist: [{ host: a.example, methods: [GET] }]',
        ['allowlist removed a.example', 'allowlist added a.example'],
      ],
      'a role of a user': ['users: { u: {} }', 'users: { u: { roles: [admin] } }', ['users changed u.roles']],
      'that users are named at all': ['', 'users: { u: {} }', ['users added', 'users added u']],
      'that users are named no more': ['users: {}', '', ['users removed']],
      'a limit': [
        'limits: { burst: 1 }',
        'limits: { burst: 2, global: 1/m }',
        ['limits changed burst', 'limits added global'],
      ],
      'a rate': ['limits: { global: 1/m }', 'limits: { global: 1/h }', ['limits changed global']],
      'the order of rules': [
        "rules: [{ id: a, when: 'true', decision: allow }, { id: b, when: 'true', decision: stop }]",
        "rules: [{ id: b, when: 'true', decision: stop }, { id: a, when: 'true', decision: allow }]",
        ['rules moved a'],
      ],
      'a rule': [
        "rules: [{ id: a, when: 'true', decision: allow }]",
        "rules: [{ id: a, when: 'true', decision: stop }, { id: c, when: 'true', decision: stop }]",
        ['rules changed a.decision', 'rules added c'],
      ],
      'a mode': ['mode: enforce', 'mode: observe', ['mode changed']],
      'a credential that objects have by themselves': [
        '',
        'credentials: { constructor: {} }',
        ['credentials added constructor'],
      ],
    };
  for (const [what, [before, after, expected]] of Object.entries(CHANGES))
    it(`is ${what}`, () => {
      assert.deepEqual(told(before, after), expected);
    });
});
