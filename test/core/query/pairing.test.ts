import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JsonObject } from '../../../src/core/json.ts';
import { LIMITS } from '../../../src/core/limits.ts';
import { createPairing } from '../../../src/core/query/pairing.ts';
import { callDrafts, idOf } from '../../support/logfiles.ts';

describe('pairing', () => {
  it('tells an end with the agent, target and decision of its beginning, at its own place and time', () => {
    const [pre, post] = callDrafts(0, { agent: 'builder', decision: 'stop', reason: 'because' });
    const pairing = createPairing();
    pairing.pair({ ...pre, id: idOf(0), index: 0, ts: 't0' } as unknown as JsonObject);
    const bare = { type: 'http.call', phase: 'post_exec', parent_id: idOf(0), outcome: post.outcome };
    const facts = pairing.pair({ ...bare, id: idOf(1), index: 1, ts: 't1' } as unknown as JsonObject).facts;
    const { agent, decision, status, index, ts, phase } = facts;
    assert.deepEqual(
      { agent, decision, status, index, ts, phase },
      { agent: 'builder', decision: 'stop', status: 'blocked', index: 1, ts: 't1', phase: 'post_exec' },
    );
  });

  it('does not take a word of a client for the end of an enforced call', () => {
    const pairing = createPairing();
    const [pre, post] = callDrafts(0, { agent: 'builder' });
    const source = { assurance: 'enforced' };
    pairing.pair({ ...pre, id: idOf(0), source } as unknown as JsonObject);
    const end = { phase: 'post_exec', parent_id: idOf(0), outcome: post.outcome } as unknown as JsonObject;
    assert.equal(pairing.pair({ ...end, source: { assurance: 'self_reported' } }).facts.agent, undefined);
    assert.equal(pairing.pair({ ...end, source }).facts.agent, 'builder');
  });

  it('forgets the oldest beginnings, whose ends then speak for themselves', () => {
    const pairing = createPairing();
    for (let i = 0; i <= LIMITS.rememberedCalls; i++) {
      pairing.pair({ phase: 'pre_exec', id: idOf(i), actor: { agent_id: `agent-${i}` } });
    }
    assert.equal(pairing.pair({ phase: 'post_exec', parent_id: idOf(0) }).facts.agent, undefined);
    assert.equal(pairing.pair({ phase: 'post_exec', parent_id: idOf(1) }).facts.agent, 'agent-1');
  });
});
