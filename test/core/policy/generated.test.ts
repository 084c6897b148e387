import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { DOCS_FILE, policySchemaText, SCHEMA_FILE, withReasonTable } from '../../../scripts/policy-schema.ts';
import { compilePolicy } from '../../../src/core/policy/load.ts';
import { LAYER_NAMES, REASONS } from '../../../src/core/policy/reasons.ts';
import { NOT_YET } from '../../../src/core/policy/schema.ts';

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
  it('shows a policy that compiles', () => {
    const [, example = ''] = /```yaml\n([^`]*)```/.exec(docs) ?? [];
    assert.equal(compilePolicy(example, { id: 'docs' }).compiled.allowlist.length, 3);
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
