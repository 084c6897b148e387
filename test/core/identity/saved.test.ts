import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Entry } from '../../../src/core/entry.ts';
import { applyEntry, emptyRegistry } from '../../../src/core/identity/registry.ts';
import { parseRegistry, serializeRegistry } from '../../../src/core/identity/saved.ts';
import { after, entryOf, mint, start } from './entries.ts';

describe('the saved registry', () => {
  const ids = ['a', 'b', 'c'];
  const metadata = fc.record(
    {
      agent_id: fc.oneof(fc.constantFrom(...ids), fc.anything()),
      token_id: fc.oneof(fc.constantFrom(...ids), fc.anything()),
      token_hash: fc.oneof(fc.stringMatching(/^[0-9a-f]{4}$/), fc.anything()),
      expires_at: fc.anything(),
      project_id: fc.string(),
      description: fc.anything(),
    },
    { requiredKeys: [] },
  );
  const step = fc.record(
    {
      type: fc.constantFrom(
        'agent.register',
        'token.issue',
        'token.revoke',
        'run.start',
        'run.end',
        'http.call',
      ),
      metadata,
      run_id: fc.constantFrom(...ids),
      phase: fc.constantFrom('pre_exec' as const, 'post_exec' as const, 'point' as const),
    },
    { requiredKeys: ['type'] },
  );
  const steps = fc.array(step, { maxLength: 30 });
  const entriesOf = (list: readonly { type: string }[]): Entry[] =>
    list.map(({ type, ...rest }, i) => entryOf(i, type, rest));

  it('and the tail of the log give the same state as the whole log', () => {
    fc.assert(
      fc.property(steps, fc.nat(30), (list, cut) => {
        const entries = entriesOf(list);
        const whole = emptyRegistry();
        for (const entry of entries) applyEntry(whole, entry);
        const head = emptyRegistry();
        for (const entry of entries.slice(0, cut)) applyEntry(head, entry);
        const saved = parseRegistry(serializeRegistry({ state: head, open: [] }));
        assert.ok(saved !== undefined);
        const resumed = saved.state;
        // All of the log again: what the saved state reflects already must change nothing.
        for (const entry of entries) applyEntry(resumed, entry);
        assert.equal(
          serializeRegistry({ state: resumed, open: [] }),
          serializeRegistry({ state: whole, open: [] }),
        );
      }),
      { numRuns: 500 },
    );
  });

  it('is nothing when it is damaged, of another format, or refers to runs it does not hold', () => {
    const state = after(['run.start', start('r1', mint('run'))], ['run.end', { run_id: 'r1' }]);
    const good = serializeRegistry({ state: { ...state, size: 2 }, open: [1] });
    assert.ok(parseRegistry(good) !== undefined);
    for (const bad of [
      '',
      '{}',
      good.slice(1),
      good.replace('"format":4', '"format":3'),
      good.replace('"open":[1]', '"open":[2]'),
      good.replace('["r1"]', '["r2"]'),
    ])
      assert.equal(parseRegistry(bad), undefined, bad);
    fc.assert(fc.property(fc.json(), (text) => assert.equal(parseRegistry(text), undefined)));
  });

  it('of the format before users is read where a prune carried it on, and made again from the log otherwise', () => {
    const state = after(['run.start', start('r1', mint('run'))], ['run.end', { run_id: 'r1' }]);
    const {
      used: _used,
      governance: _governance,
      ...old
    } = JSON.parse(serializeRegistry({ state, open: [] })) as Record<string, unknown>;
    const text = JSON.stringify({ ...old, format: 3 });
    assert.equal(parseRegistry(text), undefined);
    const carried = parseRegistry(text, { carried: true });
    assert.ok(carried !== undefined);
    assert.deepEqual([...carried.state.tokens], [...state.tokens]);
    assert.deepEqual([...carried.state.used], []);
  });
});
