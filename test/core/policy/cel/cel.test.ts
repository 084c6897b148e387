import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LIMITS } from '../../../../src/core/limits.ts';
import type { CelBindings } from '../../../../src/core/policy/cel/bindings.ts';
import { type CelProblem, type CelProgram, compileCel } from '../../../../src/core/policy/cel/compile.ts';
import { type CelResult, evaluateCel } from '../../../../src/core/policy/cel/evaluate.ts';
import { celReadsFacts } from '../../../../src/core/policy/cel/reads.ts';

const CALL: CelBindings = {
  action: {
    name: 'refund.create',
    host: 'api.stripe.com',
    port: 443,
    path: '/v1/refunds',
    credentials: ['K'],
  },
  actor: { agent_id: 'billing', user_id: 'u_17', roles: ['member', 'lead'], scopes: [] },
  facts: { amount: 20_000, currency: 'eur', urgent: true, big: '12345678901234567890' },
};

function program(text: string): CelProgram {
  const compiled = compileCel(text);
  assert.ok('program' in compiled, `${text}: ${'problem' in compiled ? compiled.problem : ''}`);
  return compiled.program;
}

const result = (text: string, bindings: CelBindings = CALL): CelResult =>
  evaluateCel(program(text), bindings);

function problem(text: string, facts?: ReadonlySet<string>): CelProblem {
  const compiled = compileCel(text, facts);
  assert.ok('problem' in compiled, `accepted: ${text}`);
  return compiled;
}

const TRUE: readonly string[] = [
  'true',
  'action.name == "refund.create" && facts.amount > 10000.0',
  'facts.amount > 10000',
  'facts.amount >= 20000 && facts.amount <= 20000.0 && !(facts.amount < 2e4)',
  'facts["amount"] == 20000',
  'facts.amount > -1',
  'facts.amount * 2.0 - 1.0 > 39998.0',
  'facts.amount / 3.0 > 6666.0',
  '-facts.amount < 0',
  'facts.currency in ["usd", "eur"]',
  'facts.urgent',
  'facts.urgent ? facts.amount > 1 : facts.amount > 99999',
  'has(facts.amount) && !has(facts.reason)',
  'action.host.endsWith(".stripe.com") && action.path.startsWith("/v1/") && action.path.contains("refund")',
  'action.port == 443',
  '"K" in action.credentials',
  '"lead" in actor.roles',
  'actor.roles.exists(r, r == "lead")',
  'actor.roles.all(r, r.size() > 3)',
  'actor.roles.exists_one(r, r.startsWith("l"))',
  'actor.roles.filter(r, r != "lead").size() == 1',
  'actor.roles[0] == "member"',
  'size(actor.roles) == 2',
  'double(size(actor.roles)) * 2.0 == 4.0',
  'double(facts.big) > 1e18',
  'actor.delegation_chain.size() == 0',
  '"a" + "b" == "ab"',
  'action.capability == "" && !has(action.capability) && action.tool == ""',
  '"é" < "😀" && "\uffff" < "😀"',
  'size("😀") == 1',
  'false < true',
  '(has(facts.none) ? facts.none : 0) == 0',
  'facts.amount > 1.0 || facts.none > 1.0',
  'facts.none > 1.0 || facts.amount > 1.0',
  '!(facts.none > 1.0 && action.name == "other")',
  '[1, 2, 3].exists(n, n == 2)',
  '1.0 / double(-0) > 0.0 && 1.0 / -0.0 < 0.0',
  '// a note\nfacts.urgent',
];

describe('a rule is true where CEL says so', () => {
  for (const text of TRUE)
    it(text, () => {
      assert.deepEqual(result(text), { value: true });
      assert.deepEqual(result(`!(${text})`), { value: false });
    });
});

/** What is refused when it is compiled: why, and the mend. */
const REFUSED: Readonly<Record<string, readonly [problem: RegExp, hint?: RegExp]>> = {
  // What was measured of engines that offer these: seconds, or wrong answers.
  'action.path.matches("^(a+)+$")': [/matches\(\) is not offered/, /can take for ever.*contains/],
  'matches(action.path, "^(a+)+$")': [/matches\(\) is not offered/],
  'actor.roles.all(a, actor.roles.all(b, actor.roles.all(c, a == c)))': [
    /inside a comprehension/,
    /two rules/,
  ],
  'actor.roles.filter(a, actor.scopes.exists(b, a == b)).size() > 0': [/inside a comprehension/],
  'facts.amount + 1 > 2.0': [/whole number/, /write 1\.0/],
  '1 + facts.amount > 2.0': [/whole number/, /write 1\.0/],
  'facts.amount * -2 > 2.0': [/whole number/, /write -2\.0/],
  '(has(facts.x) ? facts.x : 0) + 1.0 > 3.0': [/whole number/],
  'size(actor.roles) + size(actor.scopes) > 3': [/whole number/, /double\(…\)/],
  'facts.amount % 2.0 == 0.0': [/% is not offered/],
  'facts.big > 12345678901234567890': [/2\^53/, /in quotes/],
  'facts.big == -9007199254740993': [/2\^53/],
  // What is not there.
  'action.nam == "x"': [/action has no "nam"/, /did you mean action\.name\?/],
  'actor.zzzzzz == "x"': [/actor has no/, /it has: tenant_id/],
  'fact.amount > 1': [/there is no "fact"/, /did you mean facts\?/],
  'amount > 1': [/there is no "amount"/, /facts\.…/],
  'action == "x"': [/action alone/, /action\.name/],
  'action.constructor == "x"': [/action has no "constructor"/],
  'action.__proto__ == "x"': [/action has no "__proto__"/],
  'action.name.length == 3': [/nothing below action\.name/],
  'facts[action.name] == 1': [/has to be named/],
  'facts.a.b == 1': [/nothing below facts\.a/],
  'facts.x == null': [/null/, /has\(facts\.x\)/],
  'now() > 1': [/now\(\) is not offered/, /no clock/],
  'timestamp("2020-01-01T00:00:00Z") == action.name': [/timestamp\(\) is not offered/],
  'actor.roles.map(r, r).size() > 1': [/map\(\) is not offered/, /exists/],
  'foo(1)': [/foo\(\) is not offered/, /there are: has/],
  '{"a": 1}["a"] == 1': [/mapping/],
  '1u == 1': [/unsigned/],
  'b"a" == "a"': [/bytes/],
  '[[1]].size() == 1': [/list of lists/],
  '[1, "a"].size() == 2': [/items of one kind/],
  // Kinds that cannot meet.
  'action.name == 1': [/text cannot be compared with a whole number/],
  'action.port == "443"': [/a number cannot be compared with text/],
  'actor.roles == ["a"]': [/lists cannot be compared/, /`in`/],
  'action.name in "refund"': [/in needs a list/],
  'action.port in actor.roles': [/a number is in no list of text/],
  'action.name && true': [/&& needs true or false/],
  '!action.name': [/! needs true or false/],
  'actor.roles.exists(r, r)': [/exists needs true or false/],
  'action.name.exists(r, r == "a")': [/goes through a list/],
  'facts.x ? 1 : "a"': [/of one kind/],
  'action.name': [/has to give true or false/],
  '5': [/has to give true or false/],
  // What does not parse.
  '': [/empty/],
  '  \n': [/empty/],
  'facts.amount = 1': [/does not parse/, /equality is ==/],
  'facts.amount >': [/does not parse.*its end/],
  '"abc': [/does not parse.*Unterminated/],
  'facts.amount > 1)': [/does not parse/],
  has: [/there is no "has"/],
  'has(facts)': [/has\(\) asks for one member/],
  'has(facts.a.b)': [/has\(\) asks for one member/],
};

describe('a rule is refused when it is compiled, with what mends it', () => {
  for (const [text, [why, hint]] of Object.entries(REFUSED))
    it(JSON.stringify(text), () => {
      const refused = problem(text);
      assert.match(refused.problem, why);
      if (hint !== undefined) assert.match(refused.hint ?? '', hint);
    });

  it('says where', () => {
    assert.equal(problem('facts.amount > 1.0 && facts.amount + 1 > 2.0').offset, 37);
    assert.equal(problem('facts.amount = 1').offset, 13);
  });

  it('knows the facts that the policy names', () => {
    const facts = new Set(['amount', 'currency']);
    assert.ok('program' in compileCel('facts.amount > 1', facts));
    assert.match(problem('facts.amuont > 1', facts).problem, /names no fact "amuont"/);
    assert.match(problem('facts.amount2 > 1', facts).hint ?? '', /did you mean facts\.amount\?/);
    assert.match(problem('has(facts.zzzzzzz)', facts).hint ?? '', /facts: \{ zzzzzzz: args\.zzzzzzz \}/);
  });
});

describe('a rule that fails says why, and nothing is thrown', () => {
  const FAILS: Readonly<Record<string, RegExp>> = {
    'facts.none > 1.0': /no fact "none"/,
    'facts.toString == "x"': /no fact "toString"/,
    'facts.currency > 1.0': /text cannot be compared with a number/,
    'facts.currency == 1.0': /text cannot be compared/,
    'facts.amount == "20000"': /a number cannot be compared with text/,
    'facts.big > 10000.0': /text cannot be compared with a number/,
    'facts.amount in ["a"]': /a number cannot be compared with text/,
    'facts.currency + 1.0 > 2.0': /\+ does not go with text and a number/,
    'facts.amount': /gave a number/,
    '!facts.amount': /! needs true or false/,
    'facts.amount.startsWith("a")': /startsWith\(\) met a number/,
    'size(facts.amount) > 1': /size\(\) met a number/,
    'double(facts.currency) > 1.0': /no number/,
    'actor.scopes[0] == "a"': /no item 0/,
    'actor.roles.all(r, facts.none == r)': /no fact/,
  };
  for (const [text, why] of Object.entries(FAILS))
    it(text, () => {
      const said = result(text);
      assert.ok('error' in said, JSON.stringify(said));
      assert.match(said.error, why);
    });

  it('tells a missing fact apart, and arguments that could not be read', () => {
    assert.deepEqual(result('facts.none > 1.0'), { error: 'the call has no fact "none"', missing: 'none' });
    const unread = { ...CALL, facts: undefined };
    for (const text of [
      'facts.amount > 1.0',
      'has(facts.amount)',
      'action.name == "refund.create" && has(facts.x)',
    ])
      assert.deepEqual(
        result(text, unread),
        { error: 'the arguments could not be read', unread: true },
        text,
      );
    assert.deepEqual(result('action.name == "other" && facts.amount > 1.0', unread), { value: false });
  });

  it('takes a fact that cannot be read neither for one nor for none', () => {
    for (const value of [null, [1], { a: 1 }, Number.NaN, Number.POSITIVE_INFINITY, 10n, Symbol('x')]) {
      const bindings = { ...CALL, facts: { x: value } };
      assert.ok('error' in result('has(facts.x)', bindings));
      assert.ok('error' in result('facts.x == 1.0', bindings));
    }
    assert.deepEqual(result('has(facts.x)', { ...CALL, facts: { x: undefined } }), { value: false });
  });

  it('does not trust the types of what it is handed', () => {
    const bindings = { ...CALL, actor: { roles: 'lead', user_id: 5 } } as unknown as CelBindings;
    assert.ok('error' in result('"lead" in actor.roles', bindings));
    assert.ok('error' in result('actor.user_id == "u_17"', bindings));
  });
});

describe('what is known of a rule without a call', () => {
  it('names the facts that it reads', () => {
    assert.deepEqual(celReadsFacts(program('facts.b > 1 && has(facts.a) && facts["b"] < 3')), ['a', 'b']);
    assert.deepEqual(celReadsFacts(program('action.name == "x"')), []);
  });

  const ACTIONS: readonly (readonly [text: string, actions: readonly string[] | undefined])[] = [
    ['action.name == "a" && facts.x > 1', ['a']],
    ['facts.x > 1 && "a" == action.name', ['a']],
    ['action.name in ["a", "b"]', ['a', 'b']],
    ['action.name == "a" || action.name == "b"', ['a', 'b']],
    ['action.name == "a" || facts.x > 1', undefined],
    ['!(action.name == "a")', undefined],
    ['action.name != "a"', undefined],
    ['action.host == "a"', undefined],
    ['actor.roles.exists(r, action.name == "a")', undefined],
  ];
  for (const [text, actions] of ACTIONS)
    it(`${text}: can be true for ${actions?.join(', ') ?? 'any action'}`, () => {
      assert.deepEqual(program(text).actions, actions);
    });
});

describe('a rule is bounded', () => {
  it('in its text, its parts, its nesting and its lists', () => {
    assert.match(problem(`"${'a'.repeat(LIMITS.celChars)}" == "a"`).problem, /4096 characters/);
    assert.match(problem(Array(101).fill('true').join(' && ')).problem, /200 parts/);
    assert.ok('program' in compileCel(Array(100).fill('true').join(' && ')));
    assert.match(problem(`${'('.repeat(2_000)}true${')'.repeat(2_000)}`).problem, /parts/);
    assert.match(problem(`${'!'.repeat(4_000)}true`).problem, /parts/);
    assert.match(problem(`[${Array(1_001).fill('1').join(',')}].size() == 1`).problem, /parts/);
  });

  it('in the lists that it goes through', () => {
    const long = { ...CALL, actor: { roles: Array<string>(LIMITS.celListItems + 1).fill('a') } };
    for (const text of ['actor.roles.exists(r, r == "a")', 'facts.currency in actor.roles'])
      assert.deepEqual(result(text, long), { error: 'the list is too long' });
  });

  it('in time: two hundred parts over a thousand items and a path of the largest request', () => {
    const one = 'actor.roles.exists(r, action.path.contains(r))';
    const text = Array(18).fill(one).join(' || ');
    const roles = Array.from({ length: LIMITS.celListItems }, (_, i) => `a${i}b`);
    const call = { ...CALL, action: { ...CALL.action, path: 'a'.repeat(16_384) }, actor: { roles } };
    const before = performance.now();
    assert.deepEqual(result(text, call), { error: 'the rule takes too long' });
    assert.ok(performance.now() - before < 1_000);
  });

  it('in the text that it puts together', () => {
    const path = 'a'.repeat(10_000);
    const call = { ...CALL, action: { ...CALL.action, path } };
    assert.deepEqual(result('action.path + action.path == "a"', call), { error: 'the text is too long' });
  });
});
