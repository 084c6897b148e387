/** Calls that nobody made, and tables of expected decisions. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { TallyError } from '../../../src/core/error.ts';
import type { PolicyInForce } from '../../../src/core/policy/compiled.ts';
import { compilePolicy } from '../../../src/core/policy/load.ts';
import { policyFromSnapshot } from '../../../src/core/policy/snapshot.ts';
import { suppose } from '../../../src/core/policy/suppose.ts';
import type { SupposedCall, SupposedState } from '../../../src/core/policy/supposed.ts';
import { parsePolicyTests, runPolicyTest, unknownReason } from '../../../src/core/policy/test-file.ts';

const NOW = Date.parse('2026-11-20T12:00:00.000Z');
const OWNER = { id: 'kim' };

const policy = (text: string): PolicyInForce => compilePolicy(`version: "1"\n${text}`, { id: 'local' });

const TEAM = policy(`
facts: { amount: args.refund.amount }
allowlist: ["*.stripe.com", { host: api.github.com, methods: [GET], paths: ["/repos/**"] }]
credentials: { STRIPE_KEY: { agents: [billing] } }
roles: { clerk: { scopes: [payments.write] } }
users: { u_17: { roles: [clerk] }, u_18: {} }
tools: { refund.create: { required_scopes: [payments.write] } }
defaults: { interactive: { permission: allow, rate: 60/m } }
rules: [{ id: big, when: 'action.name == "refund.create" && facts.amount > 100', decision: approval_required, reason: too_much }]
limits: { global: 100/h }
budgets: { max_steps: 25, max_repeat_action: 3 }
`);

const says = (call: SupposedCall, state?: SupposedState, by: PolicyInForce = TEAM): string => {
  const { decision } = suppose(by, call, {
    owner: OWNER,
    nowMs: NOW,
    ...(state === undefined ? {} : { state }),
  });
  return decision.outcome === 'allow' ? 'allow' : `${decision.outcome} ${decision.reason}`;
};

const REFUND: SupposedCall = {
  action: 'refund.create',
  agent: 'billing',
  user: 'u_17',
  facts: { amount: 20 },
};
const MUCH = { ...REFUND, facts: { amount: 101 } };

describe('a call that nobody made', () => {
  const SAID: Readonly<Record<string, readonly [says: string, call: SupposedCall, state?: SupposedState]>> = {
    'of a user': ['allow', REFUND],
    'with arguments in place of facts': [
      'approval_required too_much',
      { ...REFUND, facts: undefined, args: { refund: { amount: 101 } } } as SupposedCall,
    ],
    'over the limit': ['approval_required too_much', MUCH],
    'that was approved': ['allow', MUCH, { approval: 'granted' }],
    'that was denied': ['stop policy_approval_denied', MUCH, { approval: 'denied' }],
    'whose arguments were streamed past': [
      'stop args_unavailable',
      { ...REFUND, facts: undefined, streamed: true } as SupposedCall,
    ],
    'without the fact that a rule reads': [
      'stop rule_error',
      { ...REFUND, facts: undefined } as SupposedCall,
    ],
    'of a user without the scope': ['stop scope_missing', { ...REFUND, user: 'u_18' }],
    'of somebody with the role': ['allow', { ...REFUND, user: undefined, role: 'clerk' } as SupposedCall],
    'of a stranger': ['stop not_a_member', { ...REFUND, user: 'u_99' }],
    'with a token that passes on less': ['stop scope_missing', { ...REFUND, scopes: ['crm.read'] }],
    'of nobody': ['stop identity_missing', { action: 'refund.create' }],
    'to a host below a wildcard': ['allow', { url: 'https://files.stripe.com/v1', user: 'u_17' }],
    'to another host': ['stop domain_not_in_allowlist', { url: 'https://stripe.com', user: 'u_17' }],
    'with a method that its line does not name': [
      'stop method_not_allowed',
      { url: 'api.github.com/repos/a/b', method: 'POST', user: 'u_17' },
    ],
    'to a path that its line does not name': [
      'stop path_not_allowed',
      { url: 'api.github.com/user', user: 'u_17' },
    ],
    'with a credential of another agent': [
      'stop credential_not_allowed',
      { url: 'https://api.stripe.com', user: 'u_17', agent: 'x', credentials: ['STRIPE_KEY'] },
    ],
    'after as many as the rate allows': ['stop rate_limited_user', REFUND, { calls: 60 }],
    'in a run that used its steps': ['stop max_steps', REFUND, { steps: 25 }],
    'for the fourth time': ['stop loop_detected', REFUND, { repeats: 3 }],
    'while everything is switched off': ['stop killed_global', REFUND, { killed: ['global'] }],
    'while another agent is switched off': ['allow', REFUND, { killed: ['agent:other'] }],
  };
  for (const [what, [expected, call, state]] of Object.entries(SAID))
    it(`${what}: ${expected}`, () => {
      assert.equal(says(JSON.parse(JSON.stringify(call)), state), expected);
    });

  it('is refused with the mend when it says too little, or what the policy does not know', () => {
    const alone = policy('');
    const REFUSED: readonly (readonly [SupposedCall, PolicyInForce, RegExp])[] = [
      [{}, TEAM, /what is called/],
      [{ url: 'https://[x', user: 'u_17' }, TEAM, /is no URL/],
      [{ ...REFUND, facts: { amuont: 1 } }, TEAM, /names no fact "amuont"/],
      [{ ...REFUND, role: 'clerk' }, TEAM, /a user has the roles that the policy gives/],
      [{ action: 'a', role: 'clerk' }, alone, /names no users/],
    ];
    for (const [call, by, why] of REFUSED)
      assert.throws(
        () => says(call, undefined, by),
        (error) =>
          error instanceof TallyError &&
          error.code === 'USAGE' &&
          why.test(error.message) &&
          error.hint !== undefined,
      );
  });

  it('replays from its snapshot and its inputs', () => {
    const { decision, request } = suppose(TEAM, MUCH, { owner: OWNER, nowMs: NOW });
    assert.equal(decision.snapshot?.hash, policyFromSnapshot(TEAM.snapshot).hash);
    assert.equal(request.action.tool?.name, 'refund.create');
  });

  it('puts a fact where the policy reads it, whatever its path is called', () => {
    const odd = policy(
      'facts: { a: args.__proto__.constructor }\nrules: [{ id: r, when: "facts.a == 1", decision: stop }]',
    );
    assert.equal(says({ action: 'x', facts: { a: 1 } }, undefined, odd), 'stop policy_denied');
    assert.equal(({} as { constructor: unknown }).constructor, Object);
  });
});

describe('a table of expected decisions', () => {
  const TESTS = `
tests:
  - name: goes
    call: { action: refund.create, user: u_17, facts: { amount: 1 } }
    expect: allow
  - name: waits
    call: { action: refund.create, user: u_17, facts: { amount: 101 } }
    state: { calls: 3 }
    expect: approval_required
    reason: too_much
    rule: big
    layer: approval
`;
  const world = { owner: OWNER, nowMs: NOW };

  it('is good where all that it says came true', () => {
    const results = parsePolicyTests(TESTS).map((one) => runPolicyTest(TEAM, one, world));
    assert.deepEqual(
      results.map(({ good }) => good),
      [true, true],
    );
  });

  for (const member of ['expect: stop', 'reason: other_reason', 'rule: small', 'layer: rules'])
    it(`is not good with another ${member.split(':')[0]}`, () => {
      const [name] = member.split(':');
      const text = TESTS.replace(
        new RegExp(`${name}: (approval_required|too_much|big|approval)\\n`),
        `${member}\n`,
      );
      assert.notEqual(text, TESTS);
      assert.deepEqual(
        parsePolicyTests(text).map((one) => runPolicyTest(TEAM, one, world).good),
        [true, false],
      );
    });

  it('knows a reason that nothing can give', () => {
    const [, waits] = parsePolicyTests(TESTS);
    assert.ok(waits);
    assert.equal(unknownReason(TEAM, waits), false);
    assert.equal(unknownReason(TEAM, { ...waits, reason: 'too_mcuh' }), true);
    assert.equal(unknownReason(TEAM, { ...waits, reason: 'max_steps' }), false);
  });

  const REFUSED: Readonly<Record<string, readonly [text: string, place: string, words: RegExp]>> = {
    'an unknown key': [
      'tests:\n  - name: a\n    call: { action: a }\n    expct: allow',
      '2:5',
      /expect is missing[\s\S]*did you mean "expect"/,
    ],
    'an unknown key of a call': [
      'tests: [{ name: a, expect: stop, call: { agnt: x } }]',
      '1:42',
      /unknown key "agnt" in tests\[0\]\.call/,
    ],
    'another word': ['tests: [{ name: a, expect: deny, call: { action: x } }]', '1:28', /"allow" or "stop"/],
    'no tests': ['test: []', '1:1', /tests is missing/],
    'no mapping': ['- a', '1:1', /mapping/],
  };
  for (const [what, [text, place, words]] of Object.entries(REFUSED))
    it(`is refused with its place when it has ${what}`, () => {
      assert.throws(
        () => parsePolicyTests(text),
        (error) => {
          assert.ok(error instanceof TallyError && error.code === 'POLICY_INVALID');
          assert.match(error.message, words);
          assert.equal(`${error.details?.line}:${error.details?.column}`, place);
          return true;
        },
      );
    });

  it('of any text is a table or POLICY_INVALID', () => {
    const word = fc.constantFrom(
      'tests:',
      '  - name: a',
      '    call: {action: a}',
      '    expect: allow',
      '[',
      '{',
      ':',
      '"',
      '- ',
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 8 }), (lines) => {
        try {
          parsePolicyTests(lines.join('\n'));
        } catch (error) {
          assert.ok(error instanceof TallyError && error.code === 'POLICY_INVALID', String(error));
        }
      }),
    );
  });
});
