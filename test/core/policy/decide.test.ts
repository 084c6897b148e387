import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DecisionSchema } from '../../../src/core/entry.ts';
import { LIMITS } from '../../../src/core/limits.ts';
import { decide, ENGINE } from '../../../src/core/policy/decide.ts';
import { unreadablePolicy } from '../../../src/core/policy/load.ts';
import { isReasonCode, layersOf } from '../../../src/core/policy/reasons.ts';
import { AT, ask, inputsOf, POLICY, policyOf, requestTo, said } from './fixtures.ts';

describe('a decision', () => {
  it('records exactly the layers that were evaluated, the policy, and what was read', () => {
    const { message: _, ...stopped } = ask(requestTo('https://evil.example/'), {
      identity: { level: 'issued', agent_id: 'billing', token_id: 'agt_x' },
    });
    assert.deepEqual(stopped, {
      outcome: 'stop',
      reason: 'domain_not_in_allowlist',
      layer: 'allowlist',
      layers: [
        { layer: 'kill_switch', result: 'skip' },
        { layer: 'identity', result: 'pass' },
        { layer: 'membership', result: 'pass' },
        { layer: 'capability', result: 'skip' },
        { layer: 'delegation', result: 'skip' },
        { layer: 'scopes', result: 'skip' },
        { layer: 'allowlist', result: 'fail', reason: 'domain_not_in_allowlist' },
      ],
      policy: { id: 'local', version: '7', hash: POLICY.compiled.source_hash },
      snapshot: { hash: POLICY.hash, captured_at: AT },
      inputs: { decided_at: AT, identity: { level: 'issued', agent_id: 'billing', token_id: 'agt_x' } },
      engine: ENGINE,
      enforced: true,
    });
    const allowed = ask(requestTo('http://localhost:9000/'), { addresses: ['127.0.0.1'] });
    assert.equal(allowed.reason, undefined);
    assert.deepEqual(
      allowed.layers.map(({ layer, result }) => `${layer} ${result}`),
      [
        'kill_switch skip',
        'identity pass',
        'membership pass',
        'capability skip',
        'delegation skip',
        'scopes skip',
        'allowlist pass',
        'credential skip',
        'permission skip',
        'rules skip',
        'limits skip',
        'budgets skip',
        'approval skip',
      ],
    );
    assert.deepEqual(allowed.inputs, {
      decided_at: AT,
      identity: { level: 'anonymous' },
      addresses: ['127.0.0.1'],
      allowlist_line: 'localhost:9000 http internal',
    });
    for (const decision of [stopped, allowed]) assert.deepEqual(DecisionSchema.parse(decision), decision);
  });

  it('of an observed policy is what it would have been, and is not enforced', () => {
    const observe = policyOf('mode: observe\nallowlist: [api.example]');
    const evil = requestTo('https://evil.example/');
    const observed = decide(evil, observe, inputsOf({ allow_observe: true }));
    assert.equal(said(observed), 'stop allowlist domain_not_in_allowlist');
    assert.equal(observed.enforced, false);
    assert.equal(observed.inputs?.allow_observe, true);
    // The machine has to permit it, and the policy has to ask for it.
    assert.equal(decide(evil, observe, inputsOf()).enforced, true);
    assert.equal(ask(evil, { allow_observe: true }).enforced, true);
  });

  it('with an unreadable policy is a stop that says why, also when observing is permitted', () => {
    const decision = decide(
      requestTo('https://api.example/'),
      unreadablePolicy('line 3, column 1: no'),
      inputsOf({ allow_observe: true }),
    );
    assert.equal(said(decision), 'stop policy policy_unreadable');
    assert.match(decision.message ?? '', /line 3, column 1/);
    assert.equal(decision.enforced, true);
  });

  it('on more than can be recorded is a stop', () => {
    const addresses = Array.from({ length: 400 }, (_, i) => `93.184.${Math.floor(i / 200)}.${i % 200}`);
    const decision = ask(requestTo('https://api.example/'), { addresses });
    assert.equal(said(decision), 'stop engine inputs_too_large');
    assert.ok(JSON.stringify(decision.inputs).length < LIMITS.decisionInputsBytes);
    assert.equal(
      said(ask(requestTo('https://api.example/'), { addresses: addresses.slice(0, 200) })),
      'allow',
    );
  });

  it('gives only reasons of the table, each by its own layer', () => {
    const decisions = ['https://evil.example/', 'http://api.example/', 'http://169.254.169.254/'].map((url) =>
      ask(requestTo(url)),
    );
    for (const { reason = '', layer } of decisions) {
      assert.ok(isReasonCode(reason));
      assert.equal(layersOf(reason)[0], layer);
    }
  });
});
