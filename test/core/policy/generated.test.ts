import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { DOCS_FILE, policySchemaText, SCHEMA_FILE, withReasonTable } from '../../../scripts/policy-schema.ts';
import { ACTION_FIELDS, ACTOR_FIELDS } from '../../../src/core/policy/cel/bindings.ts';
import { compilePolicy } from '../../../src/core/policy/load.ts';
import { LAYER_NAMES, REASONS } from '../../../src/core/policy/reasons.ts';
import { NOT_YET, PolicyFileSchema } from '../../../src/core/policy/schema.ts';
import { parsePolicyTests, runPolicyTest } from '../../../src/core/policy/test-file.ts';

const docs = readFileSync(DOCS_FILE, 'utf8');

describe('what is generated from the policy’s code', () => {
  it('has a published schema that is up to date', () => {
    assert.deepEqual(JSON.parse(readFileSync(SCHEMA_FILE, 'utf8')), JSON.parse(policySchemaText()));
  });

  it('has a table of reason codes that is up to date', () => {
    assert.equal(docs, withReasonTable(docs));
    assert.ok(docs.includes('| `domain_not_in_allowlist` | allowlist |'));
  });
});

describe('docs/policy.md', () => {
  const blocks = [...docs.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text = '']) => text);
  const policies = blocks.filter((text) => text.startsWith('version:'));

  it('shows policies that compile', () => {
    assert.ok(policies.length > 4);
    for (const text of policies) compilePolicy(text, { id: 'docs' });
  });

  it('shows a table of expected decisions that comes true', () => {
    const policy = compilePolicy(policies[0] ?? '', { id: 'docs' });
    const tests = parsePolicyTests(blocks.find((text) => text.startsWith('tests:')) ?? '');
    assert.equal(tests.length, 3);
    for (const one of tests) {
      const { good, decision } = runPolicyTest(policy, one, { nowMs: 0 });
      assert.ok(good, `${one.name}: ${decision.outcome} ${decision.reason} ${decision.message}`);
    }
  });

  it('names every section and every member that a rule may read', () => {
    for (const section of Object.keys(PolicyFileSchema.shape))
      assert.match(docs, new RegExp(`\`${section}\``), section);
    for (const name of Object.keys(ACTION_FIELDS)) assert.ok(docs.includes(`\`action.${name}\``), name);
    for (const name of Object.keys(ACTOR_FIELDS)) assert.ok(docs.includes(`\`actor.${name}\``), name);
  });

  it('names every key that this version refuses', () => {
    for (const key of Object.keys(NOT_YET)) assert.ok(docs.includes(`\`${key}\``), key);
  });
});

describe('the reason codes', () => {
  it('stand in the order of their layers’ names and each belong to one', () => {
    for (const { layer } of Object.values(REASONS)) assert.ok(LAYER_NAMES.includes(layer), layer);
  });
});
