import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { SPEC_FILE, withReasonTable } from '../../../scripts/policy-schema.ts';
import { REASONS } from '../../../src/core/policy/reasons.ts';
import { askedOf } from './table/base.ts';
import { LAYERS } from './table/case.ts';

const spec = readFileSync(SPEC_FILE, 'utf8');
const section = (title: string): string => spec.split(`\n## ${title}\n`)[1]?.split('\n## ')[0] ?? '';

describe('spec/policy.md', () => {
  it('has a table of every reason code with the layers that give it', () => {
    assert.equal(spec, withReasonTable(spec));
    for (const code of Object.keys(REASONS))
      assert.ok(section('Reason codes').includes(`| \`${code}\` |`), code);
  });

  it('has the layers in the order in which they run', () => {
    const named = [...section('Layers').matchAll(/^\| `([a-z_]+)` \|/gm)].map(([, name]) => name);
    assert.deepEqual(named, [...LAYERS]);
  });

  it('names every member of what was read for a decision', () => {
    const { inputs } = askedOf({});
    const named = [...section('Decision inputs').matchAll(/^\| `([a-z_]+)` \|/gm)].map(([, name]) => name);
    for (const member of [...Object.keys(inputs), 'allow_observe', 'allowlist_line'])
      assert.ok(named.includes(member), member);
    for (const members of [inputs.identity, inputs.budget, inputs.grant])
      for (const member of Object.keys(members ?? {}))
        assert.ok(section('Decision inputs').includes(`\`${member}\``), member);
  });
});
