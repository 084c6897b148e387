import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { CompiledPolicy, Rule, UserRule } from '../../../src/core/policy/compiled.ts';
import { decide } from '../../../src/core/policy/decide.ts';
import { pathPattern, readingsOf } from '../../../src/core/policy/path-pattern.ts';
import { policyInForce } from '../../../src/core/policy/snapshot.ts';
import type { DecisionInputs, DecisionRequest } from '../../../src/core/policy/types.ts';
import { said } from './fixtures.ts';
import { askedOf, INPUTS, POLICY, REQUEST, windowsFor } from './table/base.ts';

/** Far above what it takes on a busy machine, and far below what a loop over everything for everything takes. */
const MANY_MS = 250;

/** The median of a few, after some that do not count. */
function took(ask: () => unknown): number {
  const times: number[] = [];
  for (let i = -3; i < 11; i++) {
    const started = performance.now();
    ask();
    if (i >= 0) times.push(performance.now() - started);
  }
  return times.toSorted((a, b) => a - b)[5] ?? 0;
}

describe('a decision under a large policy', () => {
  const rules: readonly Rule[] = Array.from({ length: 10_000 }, (_, i) => ({
    id: `r${i}`,
    when:
      i % 2 === 0
        ? `action.name == "tool-${i}" && facts.amount > 10.0`
        : `actor.environment == "none-${i}" && facts.amount > 10.0`,
    decision: 'stop',
  }));
  const users: { [id: string]: UserRule } = Object.fromEntries(
    Array.from({ length: 100_000 }, (_, i) => [`u_${i}`, { roles: ['member'] }]),
  );
  const compiled: CompiledPolicy = { ...POLICY, rules, users };
  const policy = policyInForce(compiled);
  const { contract: _, ...identity } = INPUTS.identity;
  const inputs: DecisionInputs = { ...INPUTS, identity, principal: { id: 'u_99999', source: 'token' } };
  const asked = { ...inputs, windows: windowsFor(policy, REQUEST, inputs) };

  it('with 10,000 rules and 100,000 users takes milliseconds', () => {
    const started = performance.now();
    assert.equal(said(decide(REQUEST, policy, asked)), 'allow');
    assert.ok(performance.now() - started < 20_000, 'the first one compiles them');
    assert.ok(took(() => decide(REQUEST, policy, asked)) < MANY_MS);
  });

  it('finds the last of them', () => {
    const stopped = { ...REQUEST, action: { ...REQUEST.action, name: 'tool-9998' } };
    const seen = { ...inputs, windows: windowsFor(policy, stopped, inputs) };
    const uncontracted = policyInForce({ ...compiled, agents: {} });
    assert.equal(decide(stopped, uncontracted, seen).rule, 'r9998');
    const nobody = { ...asked, principal: { id: 'u_100000', source: 'token' as const } };
    assert.equal(said(decide(REQUEST, policy, nobody)), 'stop membership not_a_member');
  });
});

describe('hostile values', () => {
  it('of any member of the inputs are a stop, never an exception and never more than without them', () => {
    const { policy, request, inputs } = askedOf({});
    const names = [
      'identity',
      'principal',
      'kill',
      'windows',
      'budget',
      'grant',
      'facts',
      'addresses',
    ] as const;
    const junk = fc.oneof(
      fc.anything({ withBigInt: true, withNullPrototype: true, withDate: true, withMap: true }),
      fc.constantFrom(
        Number.NaN,
        -1,
        Number.POSITIVE_INFINITY,
        '\ud800',
        { count: Number.NaN },
        [{}],
        [null],
      ),
    );
    fc.assert(
      fc.property(fc.constantFrom(...names), junk, (name, value) => {
        const decision = decide(request, policy, { ...inputs, [name]: value } as DecisionInputs);
        JSON.stringify(decision);
        // No address and no kill switch is what a call may have; everything else is needed for this one.
        const harmless =
          ['kill', 'addresses'].includes(name) && (value === undefined || Array.isArray(value));
        if (!harmless) assert.notEqual(decision.outcome, 'allow', name);
      }),
      { numRuns: 3_000 },
    );
  });

  it('of counts are no counts', () => {
    const { policy, request, inputs } = askedOf({});
    for (const count of [Number.NaN, -1, '1', null, undefined, Number.NEGATIVE_INFINITY]) {
      const windows = Object.fromEntries(
        Object.keys(inputs.windows ?? {}).map((key) => [key, { count: count as number }]),
      );
      assert.equal(said(decide(request, policy, { ...inputs, windows })), 'stop engine internal_error');
      const budget = { ...inputs.budget, usd: count } as unknown as NonNullable<DecisionInputs['budget']>;
      assert.equal(said(decide(request, policy, { ...inputs, budget })), 'stop engine internal_error');
    }
  });

  it('of any one member of what was read are a stop that says so', () => {
    const { policy, request, inputs } = askedOf({});
    const { identity, budget, grant } = inputs;
    const hand = { agent_id: 'planner' };
    const bad: { readonly [member: string]: readonly unknown[] } = {
      identity: [
        1,
        { ...identity, level: 'root' },
        { ...identity, agent_id: 1 },
        { ...identity, run_id: '\ud800' },
        { ...identity, scopes: 'payments.write' },
        { ...identity, scopes: ['payments.write', 1] },
        { ...identity, delegation: {} },
        { ...identity, delegation: [hand, {}] },
        { ...identity, delegation: [{ ...hand, scopes: [1] }] },
        { ...identity, delegation: [{ ...hand, token_id: 1 }] },
        { ...identity, contract: 1 },
        { ...identity, contract: { tools: 'refund.create' } },
        { ...identity, contract: { credentials: 1 } },
        { ...identity, contract: { credentials: { deny: [1] } } },
        { ...identity, failure: 'unknown' },
      ],
      principal: ['u_17', { id: 1, source: 'token' }, { id: 'u_17', source: 'guess' }],
      kill: [{}, [{}], [{ scope: 1, id: 'log_k' }], [{ scope: 'other', id: 1 }], [null]],
      windows: [[], 1, { x: 1 }, { x: { count: '1' } }, { x: { count: 1, free_in_ms: -1 } }],
      budget: ['steps', 'elapsed_ms', 'tool_calls', 'usd', 'repeats'].flatMap((name) =>
        [undefined, -1, '1', Number.NaN].map((value) => ({ ...budget, [name]: value })),
      ),
      grant: [
        'id',
        'status',
        'action_key',
        'policy_hash',
        'expires_at',
        'args_hash',
        'approver',
        'approved_at',
      ].map((name) => ({ ...grant, [name]: 1 })),
      decided_at: [1, '2026-11-20', '2026-11-20T10:00:00Z'],
      addresses: ['93.184.215.14', [1], {}],
      facts: [1, [], 'amount'],
      allow_observe: ['yes', 1],
    };
    for (const [member, values] of Object.entries(bad))
      for (const value of values)
        assert.equal(
          said(decide(request, policy, { ...inputs, [member]: value } as DecisionInputs)),
          'stop engine internal_error',
          `${member} ${JSON.stringify(value)}`,
        );
  });

  it('of any member of the request are a stop', () => {
    const { policy, request, inputs } = askedOf({});
    const bad: readonly object[] = [
      { tenant_id: 7 },
      { run_id: {} },
      { args: 'none' },
      { reason_given: 'yes' },
      { credentials: [{ ref: 'K' }] },
      { action: { ...request.action, tool: null } },
      { action: { ...request.action, tool: { name: 1 } } },
      { action: { ...request.action, tier: 'root' } },
      { action: { ...request.action, key: 1 } },
      { action: { ...request.action, target: { path: 1 } } },
    ];
    for (const change of bad)
      assert.equal(
        said(decide({ ...request, ...change } as DecisionRequest, policy, inputs)),
        'stop engine internal_error',
        JSON.stringify(change),
      );
  });

  it('of names that every object has find nothing', () => {
    for (const name of ['constructor', '__proto__', 'toString', 'hasOwnProperty']) {
      const { policy, request, inputs } = askedOf({
        policy: (p) => ({ ...p, agents: {}, credentials: {} }),
        request: (r) => ({ ...r, action: { ...r.action, name, tool: { name } } }),
        inputs: (i) => ({
          ...i,
          identity: { level: 'issued', agent_id: name, delegation: [{ agent_id: name }] },
        }),
      });
      const { run_id: _, ...call } = request;
      assert.equal(said(decide(call, policy, inputs)), 'allow', name);
    }
  });
});

describe('patterns of paths', () => {
  const matches = (pattern: string, path: string): boolean => {
    const readings = readingsOf(path);
    return readings !== undefined && pathPattern(pattern).matches(readings);
  };
  const cases: readonly (readonly [pattern: string, path: string, matches: boolean])[] = [
    ['/repos/**', '/repos/a/b', true],
    ['/repos/**', '/repos/', true],
    ['/repos/**', '/repos', false],
    ['/repos/*', '/repos/a', true],
    ['/repos/*', '/repos/a/b', false],
    ['/a/**/b', '/a/b', true],
    ['/a/**/b', '/a/x/y/b', true],
    ['/a/**/b', '/ax/b', false],
    ['/v*/x', '/v12/x', true],
    ['/v*/x', '/v1/2/x', false],
    ['/**', '/', true],
    ['/x', '/X', false],
    ['/bücher/*', '/b%C3%BCcher/1', true],
    ['/a b', '/a%20b', true],
    ['/a%20b', '/a%20b', true],
    // A server may decode what it is sent before it looks where it leads.
    ['/p/**', '/p/group%2Fproject', true],
    ['/repos/**', '/repos/..%2fadmin', false],
    ['/repos/**', '/repos/%2e%2e/admin', false],
    ['/repos/**', '/repos/%252e%252e%252fadmin', false],
    ['/repos/**', '/repos/..\\admin', false],
    ['/repos/**', '/repos/../admin', false],
    ['/**', '/%25252525252e', false],
    ['/**', '/%ff', false],
    ['/**', 'x', false],
  ];
  for (const [pattern, path, answer] of cases)
    it(`${pattern} ${answer ? 'stands for' : 'does not stand for'} ${path}`, () =>
      assert.equal(matches(pattern, path), answer));

  it('of many stars on a long path end in bounded time', () => {
    const path = `/${'a/'.repeat(8_000)}`;
    assert.ok(took(() => matches(`/${'**a'.repeat(170)}x`, path)) < 2_000);
    assert.ok(took(() => matches(`/${'*/'.repeat(250)}x`, path)) < 2_000);
  });

  it('say what a regular expression says, on paths without escapes', () => {
    const piece = fc.constantFrom('a', 'b', '/', '*', '**', '/**/', '.');
    const pattern = fc.array(piece, { maxLength: 7 }).map((pieces) => `/${pieces.join('')}`);
    const path = fc
      .array(fc.constantFrom('a', 'b', '/', 'ab'), { maxLength: 8 })
      .map((pieces) => `/${pieces.join('')}`);
    const expression = (text: string): RegExp =>
      new RegExp(
        `^${text.replaceAll(/\/\*\*(?=\/)|\*\*+|\*|[^*]/g, (part) => {
          if (part === '/**') return '(?:/.*)?';
          if (part === '*') return '[^/]*';
          return part.startsWith('**') ? '.*' : part === '.' ? '\\.' : part;
        })}$`,
      );
    fc.assert(
      fc.property(pattern, path, (p, t) => {
        assert.equal(matches(p, t), expression(p).test(t), `${p} ${t}`);
      }),
      { numRuns: 3_000 },
    );
  });
});
