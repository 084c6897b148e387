import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { AGENT_ID, agentIdOf } from '../../src/core/agent-id.ts';

describe('the id of an agent, from its name', () => {
  const IDS: readonly (readonly [name: unknown, id: string | undefined])[] = [
    ['billing-tool', 'billing-tool'],
    ['claude-code/Explore', 'claude-code/Explore'],
    ['Refund Agent', 'Refund-Agent'],
    ['  Refund \t (EU) Agent! ', 'Refund-EU-Agent'],
    ['-rf', 'rf'],
    ['../../etc', 'etc'],
    ['Zoë', 'Zo'],
    ['返金係', undefined],
    ['', undefined],
    [undefined, undefined],
    [7, undefined],
    ['a'.repeat(128), 'a'.repeat(128)],
    ['a'.repeat(300), 'a'.repeat(128)],
    [`${'a'.repeat(127)} b`, 'a'.repeat(127)],
  ];
  for (const [name, id] of IDS)
    it(`of ${JSON.stringify(name)?.slice(0, 40)} is ${id?.slice(0, 40)}`, () => {
      assert.equal(agentIdOf(name), id);
    });

  it('is an id or nothing, and its own id', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit: 'binary' })), (name) => {
        const id = agentIdOf(name);
        if (id === undefined) return !/[A-Za-z0-9]/.test(name);
        return AGENT_ID.test(id) && agentIdOf(id) === id && (!AGENT_ID.test(name) || id === name);
      }),
    );
  });
});
