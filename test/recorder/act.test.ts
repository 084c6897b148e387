import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Event } from '../../src/core/entry.ts';
import type { Decision, DecisionRequest, Identity } from '../../src/core/policy/types.ts';
import type { Ask } from '../../src/recorder/api.ts';
import { entriesOf, machine } from '../support/recorder.ts';

const ANYBODY: Identity = { level: 'declared', agent_id: 'billing-tool' };
const PRODUCER = { surface: 'proxy', assurance: 'enforced' } as const;

function request(host = 'api.example.com'): DecisionRequest {
  return {
    tenant_id: 'local',
    action: { name: 'http.call', target: { scheme: 'https', host, port: 443, path: '/x', method: 'GET' } },
    credentials: [],
  };
}

const ask = (more: Partial<Ask> = {}): Ask => ({ request: request(), identity: ANYBODY, ...more });
const call = (decision: Decision): Event => ({ type: 'http.call', phase: 'pre_exec', decision });

describe('act', () => {
  it('records what it decided, with the hashes that were decided on', async () => {
    const at = await machine();
    const recorder = await at.open();
    let asked: DecisionRequest | undefined;
    const { decision, receipt } = await recorder.act(
      ask({ args: { amount: 5 } }),
      (decided, made) => {
        asked = made;
        return call(decided);
      },
      PRODUCER,
    );
    await recorder.close('test');
    const entry = entriesOf(at.disk)[receipt.index];
    assert.equal(entry?.id, receipt.id);
    assert.deepEqual(entry?.decision, decision);
    assert.equal(entry?.action?.key, asked?.action.key);
    assert.equal(entry?.action?.args_hash, asked?.action.args_hash);
    assert.match(entry?.action?.args_hash_alg ?? '', /^hmac-sha256:/);
    assert.equal('args' in (entry?.action ?? {}), false);
  });

  it('gives an action the same hashes as recording it does', async () => {
    const at = await machine();
    const recorder = await at.open();
    const args = { method: 'GET', url: 'https://api.example.com/x?y=1' };
    const acted = await recorder.act(ask({ args, args_note: 'body=streamed' }), call, PRODUCER);
    const action = { ...request().action, args, args_note: 'body=streamed' };
    const recorded = await recorder.record({ type: 'http.call', phase: 'pre_exec', action }, PRODUCER);
    await recorder.close('test');
    assert.deepEqual(
      entriesOf(at.disk)[acted.receipt.index]?.action,
      entriesOf(at.disk)[recorded.index]?.action,
    );
  });

  it('says in the entry what was decided on, whatever the event says', async () => {
    const at = await machine();
    const recorder = await at.open();
    const { receipt, decision } = await recorder.act(
      ask(),
      () => ({
        type: 'http.call',
        phase: 'pre_exec',
        action: { name: 'something.else', target: { host: 'other.example' } },
        decision: { outcome: 'stop', layers: [] },
      }),
      PRODUCER,
    );
    await recorder.close('test');
    const entry = entriesOf(at.disk)[receipt.index];
    assert.equal(entry?.action?.name, 'http.call');
    assert.equal(entry?.action?.target?.host, 'api.example.com');
    assert.deepEqual(entry?.decision, decision);
  });

  it('refuses an event with an id of its own: an earlier decision would be given to it', async () => {
    const at = await machine();
    const recorder = await at.open();
    const size = recorder.size();
    const id = 'log_01ARZ3NDEKTSV4RRFFQ69G5FAV';
    await assert.rejects(
      recorder.act(ask(), (decision) => ({ ...call(decision), id }), PRODUCER),
      { code: 'BAD_EVENT' },
    );
    assert.equal(recorder.size(), size);
    await recorder.close('test');
    await assert.rejects(recorder.act(ask(), call, PRODUCER), { code: 'LOG_CLOSED' });
  });

  it('keeps a payload that was handed over with what is asked', async () => {
    const at = await machine();
    const recorder = await at.open({ payloads: { keep: { 'http.call': 'redacted' } } });
    const data = { media_type: 'text/plain', class: 'body', data: 'hello' };
    const { receipt } = await recorder.act(ask({ payload: { type: 'http.call', data } }), call, PRODUCER);
    await recorder.close('test');
    assert.equal(entriesOf(at.disk)[receipt.index]?.payload?.class, 'body');
  });
});
