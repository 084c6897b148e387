import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decide, decideAs, ENGINE } from '../../../src/core/policy/decide.ts';
import { isEngine } from '../../../src/core/policy/engines.ts';
import { inputsOf, policyOf, requestTo, said } from './fixtures.ts';

const policy = policyOf('allowlist: [api.example]\ncredentials: { K: { styles: [env_inject] } }');

describe('the engines', () => {
  it('are known by their names, and nothing else is one', () => {
    assert.equal(ENGINE, 'tally-policy/3');
    for (const name of ['tally-policy/1', 'tally-policy/2', 'tally-policy/3']) assert.ok(isEngine(name));
    for (const name of ['tally-policy/0', 'tally-policy/4', 'constructor', '__proto__', ''])
      assert.ok(!isEngine(name));
  });

  it('decide what an earlier one decided as that one did, with its layers and its name', () => {
    const request = requestTo('https://api.example/');
    const first = decideAs('tally-policy/1', request, policy, inputsOf());
    assert.equal(first.engine, 'tally-policy/1');
    assert.deepEqual(first.layers, [
      { layer: 'identity', result: 'pass' },
      { layer: 'allowlist', result: 'pass' },
      { layer: 'credential', result: 'skip' },
    ]);
    const { layers, engine, ...rest } = decide(request, policy, inputsOf());
    const { layers: _, engine: __, ...then } = first;
    assert.equal(layers.length, 13);
    assert.equal(engine, ENGINE);
    assert.deepEqual(rest, then);
  });

  it('keep what changed between them: a call to no host was a stop', () => {
    const tool = { tenant_id: 'local', action: { name: 'refund.create' }, credentials: [] };
    const as = (engine: 'tally-policy/1' | 'tally-policy/2'): string =>
      said(decideAs(engine, tool, policy, inputsOf()));
    assert.equal(as('tally-policy/1'), 'stop allowlist domain_not_in_allowlist');
    assert.equal(as('tally-policy/2'), 'allow');
    const child = { ...tool, credentials: [{ ref: 'K', injection_style: 'env_inject' }] } as const;
    for (const engine of ['tally-policy/1', 'tally-policy/2'] as const)
      assert.equal(said(decideAs(engine, child, policy, inputsOf())), 'allow');
  });

  it('keep what changed after them: a CONNECT to a listed host named no scheme that the line permits', () => {
    const tunnel = {
      tenant_id: 'local',
      action: { name: 'http.connect', target: { host: 'api.example', port: 443, method: 'CONNECT' } },
      credentials: [],
    };
    const as = (engine: 'tally-policy/2' | 'tally-policy/3'): string =>
      said(decideAs(engine, tunnel, policy, inputsOf()));
    assert.equal(as('tally-policy/2'), 'stop allowlist non_https_blocked');
    assert.equal(as('tally-policy/3'), 'allow');
  });

  it('name themselves in a stop before any layer too', () => {
    const bad = decideAs('tally-policy/1', {} as typeof request, policy, inputsOf());
    const request = requestTo('https://api.example/');
    assert.equal(bad.engine, 'tally-policy/1');
    assert.equal(said(bad), 'stop engine internal_error');
  });
});
