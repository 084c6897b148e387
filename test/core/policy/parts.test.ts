import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Rule } from '../../../src/core/policy/compiled.ts';
import { decide } from '../../../src/core/policy/decide.ts';
import { hostSet } from '../../../src/core/policy/host-set.ts';
import { isWrite, killScopesOf } from '../../../src/core/policy/kill-scopes.ts';
import { indexRules, rulesAbout } from '../../../src/core/policy/rule-index.ts';
import { countedOf } from '../../../src/core/policy/subject.ts';
import type { DecisionRequest } from '../../../src/core/policy/types.ts';
import { subjectsOf, windowsOf } from '../../../src/core/policy/windows.ts';
import { said } from './fixtures.ts';
import { askedOf, type Change, INPUTS, POLICY, REQUEST } from './table/base.ts';

const call = (rest: Partial<DecisionRequest['action']>): DecisionRequest => ({
  tenant_id: 'local',
  action: { name: 'http.call', ...rest },
  credentials: [],
});

describe('the switches that concern a call', () => {
  it('are named in the order in which they are judged', () => {
    assert.deepEqual(killScopesOf(REQUEST, INPUTS.identity, POLICY), [
      'global',
      'tenant',
      'agent:billing',
      'agent:planner',
      'tool:refund.create',
      'writes',
    ]);
    assert.deepEqual(killScopesOf(call({ target: { method: 'get' } }), { level: 'anonymous' }, POLICY), [
      'global',
      'tenant',
      'tool:http.call',
    ]);
    assert.deepEqual(killScopesOf(call({ tool: { name: 'refund.look' } }), { level: 'anonymous' }, POLICY), [
      'global',
      'tenant',
      'tool:refund.look',
      'tool:http.call',
    ]);
  });

  it('take a call for a write unless its method only reads or its tool says so', () => {
    for (const method of ['GET', 'head', 'Options'])
      assert.equal(isWrite(call({ target: { method } }), POLICY), false, method);
    for (const method of ['POST', 'DELETE', 'PROPFIND', ''])
      assert.equal(isWrite(call({ target: { method } }), POLICY), true, method);
    assert.equal(isWrite(call({}), POLICY), true, 'a call that leaves its method out');
    assert.equal(isWrite(call({ name: 'refund.look' }), POLICY), false);
    assert.equal(isWrite(call({ name: 'toString' }), POLICY), true);
    const writing = { ...POLICY, tools: { fetch: { writes: true } } };
    assert.equal(isWrite(call({ name: 'fetch', target: { method: 'GET' } }), writing), true);
  });

  it('are enforced also where the policy is only observed', () => {
    const observed = (change: Change) => {
      const { policy, request, inputs } = askedOf({
        ...change,
        policy: (p) => ({ ...p, mode: 'observe' }),
      });
      return decide(request, policy, { ...inputs, allow_observe: true });
    };
    const killed = observed({ inputs: (i) => ({ ...i, kill: [{ scope: 'global', id: 'k' }] }) });
    assert.deepEqual([said(killed), killed.enforced], ['stop kill_switch killed_global', true]);
    const stopped = observed({ request: (r) => ({ ...r, tenant_id: 'acme' }) });
    assert.deepEqual([said(stopped), stopped.enforced], ['stop membership not_a_member', false]);
  });
});

describe('the windows of a call', () => {
  const keys = (request: DecisionRequest, inputs = INPUTS): readonly string[] =>
    windowsOf(POLICY, countedOf(request, inputs)).map(({ key }) => key);

  it('are those that the policy asks for, the most specific first', () => {
    assert.deepEqual(keys(REQUEST), [
      'user:u_17:interactive:tool:refund.create/60000',
      'user:u_17:interactive/60000',
      'user:u_17:interactive/10000',
      'agent:planner/60000',
      'tenant:local/60000',
      'global/60000',
      'user:u_17:interactive/1000',
    ]);
  });

  it('are of the tier, and of the agent that began the chain', () => {
    const { tier: _, ...action } = REQUEST.action;
    assert.deepEqual(keys({ ...REQUEST, action }), keys(REQUEST));
    const api = keys({ ...REQUEST, action: { ...action, tier: 'api' } });
    assert.deepEqual(api.slice(0, 2), ['user:u_17:api/60000', 'user:u_17:api/10000']);
    const direct = { ...INPUTS, identity: { ...INPUTS.identity, delegation: [] } };
    assert.ok(keys(REQUEST, direct).includes('agent:billing/60000'));
    const { principal: __, ...nobody } = INPUTS;
    assert.ok(keys(REQUEST, nobody).includes('user:-:interactive/10000'));
  });

  it('have subjects that every call is counted for', () => {
    const counted = countedOf(REQUEST, INPUTS);
    for (const { subject } of windowsOf(POLICY, counted)) assert.ok(subjectsOf(counted).includes(subject));
  });
});

describe('what a rule reads of a call', () => {
  const stops = (when: string, change: Change = {}): string => {
    const { policy, request, inputs } = askedOf({
      ...change,
      policy: (p) => ({ ...(change.policy?.(p) ?? p), rules: [{ id: 'r', when, decision: 'stop' }] }),
    });
    return said(decide(request, policy, inputs));
  };
  const YES = 'stop rules policy_denied';

  for (const when of [
    'action.name == "refund.create"',
    'action.tool == "refund.create"',
    'action.tier == "interactive"',
    'action.scheme == "https" && action.host == "api.pay.example" && action.port == 443.0',
    'action.path == "/v1/refunds" && action.method == "POST"',
    '"PAY_KEY" in action.credentials',
    'actor.tenant_id == "local" && actor.project_id == "web" && actor.environment == "production"',
    'actor.run_id == "run_1"',
    'actor.agent_id == "billing" && actor.identity_level == "issued"',
    'actor.user_id == "u_17" && actor.email == "ann@pay.example"',
    '"member" in actor.roles',
    '"payments.write" in actor.scopes && !("crm.read" in actor.scopes) && !("reports.read" in actor.scopes)',
    'actor.delegation_chain.exists(a, a == "planner")',
    'facts.amount == 25000.0',
    '!has(action.capability)',
  ])
    it(when, () => assert.equal(stops(when), YES));

  it('is the place of the token where the call is silent', () => {
    assert.equal(
      stops('actor.project_id == "web" && actor.run_id == "run_1"', {
        request: ({ project_id: _, environment: __, run_id: ___, ...request }) => request,
      }),
      YES,
    );
  });

  it('of everything are the scopes that the policy names, so that passing on never makes a list longer', () => {
    const everything: Change = {
      policy: ({ users: _, ...policy }) => policy,
      inputs: ({ identity: { scopes: _, delegation: __, contract: ___, ...identity }, ...inputs }) => ({
        ...inputs,
        identity: { ...identity, delegation: [] },
        principal: { id: 'root', source: 'owner' },
      }),
    };
    assert.equal(stops('"payments.write" in actor.scopes && "log.read" in actor.scopes', everything), YES);
    assert.equal(stops('"named.here" in actor.scopes', everything), YES);
    assert.equal(stops('!("named.here" in actor.scopes)', everything), 'allow');
  });

  it('is no fact that was streamed past, whatever the rule makes of it', () => {
    const streamed: Change = {
      request: (request) => ({ ...request, args: 'streamed' }),
      inputs: ({ facts: _, ...inputs }) => inputs,
    };
    for (const when of ['!has(facts.amount)', 'facts.amount < 1.0', 'true && has(facts.amount)'])
      assert.equal(stops(when, streamed), 'stop rules args_unavailable', when);
    for (const when of ['false && has(facts.amount)', 'action.name == "x" && facts.amount > 1.0'])
      assert.equal(stops(when, streamed), 'allow', when);
  });
});

describe('rules that name their action', () => {
  const rule = (id: string, when: string): Rule => ({ id, when, decision: 'stop' });
  const index = indexRules({
    ...POLICY,
    rules: [
      rule('a', 'action.name == "x" && actor.agent_id == "y"'),
      rule('b', 'actor.agent_id == "y"'),
      rule('c', 'action.name in ["x", "z", "x"]'),
      rule('d', 'action.name == "x" || actor.agent_id == "y"'),
      rule('e', 'action.name == "z"'),
      rule('f', 'not a rule'),
    ],
  });
  const about = (name: string): string =>
    rulesAbout(index, name)
      .map(({ rule: { id } }) => id)
      .join('');

  it('are put to no other, and all come in the order of the file', () => {
    assert.deepEqual([about('x'), about('z'), about('constructor')], ['abcdf', 'bcdef', 'bdf']);
    assert.equal(index.count, 6);
  });
});

describe('a set of hosts', () => {
  it('has the host with any port, the host with its port, and what is below a wildcard', () => {
    const set = hostSet([
      'a.example',
      'b.example:8443',
      '*.c.example',
      '*.d.example:9000',
      '::1',
      '[::2]:90',
    ]);
    const has = (host: string, port: number): boolean => set.has(host, port);
    for (const [host, port] of [
      ['a.example', 443],
      ['a.example', 80],
      ['b.example', 8443],
      ['x.c.example', 443],
      ['x.y.c.example', 1],
      ['x.d.example', 9000],
      ['::1', 7],
      ['::2', 90],
    ] as const)
      assert.ok(has(host, port), `${host} ${port}`);
    for (const [host, port] of [
      ['x.a.example', 443],
      ['b.example', 443],
      ['c.example', 443],
      ['xc.example', 443],
      ['x.d.example', 443],
      ['::2', 91],
      ['example', 443],
    ] as const)
      assert.ok(!has(host, port), `${host} ${port}`);
    assert.ok(hostSet(['*']).has('anything.example', 1));
    assert.ok(!hostSet(['*.0.0.1']).has('127.0.0.1', 443), 'an address is below nothing');
    assert.ok(!hostSet([]).has('a.example', 443));
  });
});
