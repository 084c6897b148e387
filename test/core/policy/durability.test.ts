import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { durabilityOf } from '../../../src/core/policy/durability-of.ts';
import { compilePolicy } from '../../../src/core/policy/load.ts';
import { policyFromSnapshot } from '../../../src/core/policy/snapshot.ts';

const policyOf = (lines: string) =>
  compilePolicy(`version: "1"\nallowlist: [${lines}]\n`, { id: 'durability' });

function asked(lines: string, path = '/', host = 'a.api.example', project_id?: string) {
  const { compiled } = policyOf(lines);
  const target = { scheme: 'https' as const, host, port: 443, method: 'GET', path };
  const request = { tenant_id: 'local', action: { name: 'http.call', target }, credentials: [] };
  return durabilityOf(
    { ...request, ...(project_id === undefined ? {} : { project_id }) },
    { level: 'anonymous' },
    compiled,
  );
}

describe('what waits for the disk', () => {
  it('is the intent where nothing else is said, and what the line says otherwise', () => {
    assert.equal(asked('a.api.example'), 'intent');
    assert.equal(asked('{ host: a.api.example, durability: intent }'), 'intent');
    assert.equal(asked('{ host: a.api.example, durability: reply }'), 'reply');
    assert.equal(asked('{ host: a.api.example, durability: async }'), 'async');
    assert.equal(asked('{ host: "*.api.example", durability: async }'), 'async');
    assert.equal(asked('{ host: b.api.example, durability: async }'), 'intent');
  });

  it('is the strictest of the lines that permit the call, in any order', () => {
    const lines = [
      '{ host: a.api.example, durability: async }',
      '{ host: a.api.example, paths: ["/pay"], durability: reply }',
      '{ host: "*.api.example", paths: ["/pay/now"] }',
      '{ host: a.api.example, paths: ["/deep"], projects: [web] }',
    ];
    for (const order of [lines, lines.toReversed()]) {
      const text = order.join(', ');
      assert.equal(asked(text), 'async');
      assert.equal(asked(text, '/pay'), 'reply');
      assert.equal(asked(text, '/pay/now'), 'intent');
      assert.equal(asked(text, '/deep'), 'async', 'a line for another project says nothing of this one');
      assert.equal(asked(text, '/deep', 'a.api.example', 'web'), 'intent');
    }
  });

  it('a part of a line that waits for more than the whole is no idle line, and one that waits for less is', () => {
    policyOf('{ host: a.api.example, durability: async }, { host: a.api.example, paths: ["/pay"] }');
    assert.throws(
      () => policyOf('a.api.example, { host: a.api.example, paths: ["/pay"], durability: async }'),
      /one of them allows all of it/,
    );
  });

  it('is kept in the snapshot, and not written where it is the usual', () => {
    const kept = policyOf(
      '{ host: a.api.example, durability: reply }, { host: b.api.example, durability: intent }',
    );
    const text = Buffer.from(kept.snapshot).toString('utf8');
    assert.match(text, /"durability":"reply"/);
    assert.doesNotMatch(text, /intent/);
    assert.deepEqual(policyFromSnapshot(kept.snapshot).compiled.allowlist, kept.compiled.allowlist);
  });

  it('is one of three words', () => {
    assert.throws(() => policyOf('{ host: a.api.example, durability: never }'), /durability/);
  });
});
