/** A policy as large as one may be: it compiles, or is refused, in seconds and with memory to spare. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TallyError } from '../../../src/core/error.ts';
import { LIMITS } from '../../../src/core/limits.ts';
import { compilePolicy } from '../../../src/core/policy/load.ts';
import { suppose } from '../../../src/core/policy/suppose.ts';

const USERS = LIMITS.policyUsers;
const RULES = LIMITS.policyRules;
/** On a busy machine with two cores; a quiet one takes a tenth of it. */
const MOST_MS = 30_000;
const MOST_BYTES = 1_500_000_000;

const many = <T>(n: number, of: (i: number) => T): readonly T[] => Array.from({ length: n }, (_, i) => of(i));

const policy = (user: object, when: (i: number) => string, users: number = USERS): string =>
  JSON.stringify({
    version: '1',
    facts: { amount: 'args.amount' },
    roles: { member: { scopes: ['crm.read'] } },
    tools: Object.fromEntries(many(500, (i) => [`tool.${i}`, { required_scopes: ['crm.read'] }])),
    users: Object.fromEntries(many(users, (i) => [`u_${i}`, { email: `person${i}@example.com`, ...user }])),
    rules: many(RULES, (i) => ({
      id: `rule-${i}`,
      when: when(i),
      decision: 'stop',
      reason: 'not_this_much',
    })),
  });

function timed<T>(run: () => T): T {
  const before = performance.now();
  try {
    return run();
  } finally {
    const ms = performance.now() - before;
    assert.ok(ms < MOST_MS, `${Math.round(ms)} ms`);
    const { rss } = process.memoryUsage();
    assert.ok(rss < MOST_BYTES, `${rss} bytes`);
  }
}

function refusal(text: string): TallyError {
  try {
    timed(() => compilePolicy(text, { id: 'local' }));
  } catch (error) {
    assert.ok(error instanceof TallyError && error.code === 'POLICY_INVALID', String(error));
    return error;
  }
  throw new assert.AssertionError({ message: 'accepted' });
}

describe(`${USERS.toLocaleString('en-US')} users and ${RULES.toLocaleString('en-US')} rules`, () => {
  const good = (i: number): string => `action.name == "tool.${i % 500}" && facts.amount > ${i}.0`;

  it('compile, and a call is decided by its own user and rules', () => {
    const inForce = timed(() => compilePolicy(policy({ roles: ['member'] }, good), { id: 'local' }));
    const { compiled } = inForce;
    assert.deepEqual([Object.keys(compiled.users ?? {}).length, compiled.rules?.length], [USERS, RULES]);
    const decide = (amount: number) =>
      suppose(inForce, { action: 'tool.7', user: `u_${USERS - 1}`, facts: { amount } }, { nowMs: 0 })
        .decision;
    assert.equal(decide(7).outcome, 'allow');
    assert.deepEqual([decide(8).outcome, decide(8).rule], ['stop', 'rule-7']);
  });

  it('with an unknown role each are refused, the first told by its place and the others counted', () => {
    const error = refusal(policy({ roles: ['membr'] }, good));
    assert.match(error.message, /^line 1, column \d+: there is no role "membr"/);
    assert.equal(error.hint, 'did you mean "member"?');
    assert.equal(error.details?.problems, USERS);
  });

  it('with rules that do not compile are refused', () => {
    const error = refusal(
      policy({}, (i) => `facts.amount + ${i} > 1.0 && action.path.matches("(a+)+$")`, 10),
    );
    assert.equal(error.details?.problems, RULES);
  });

  it('are the most', () => {
    const users = Object.fromEntries(many(USERS + 1, (i) => [`u_${i}`, {}]));
    assert.match(
      refusal(JSON.stringify({ version: '1', users })).message,
      /users has to be a mapping of at most 100000/,
    );
    const rules = many(RULES + 1, (i) => ({ id: `r${i}`, when: 'true', decision: 'stop' }));
    assert.match(
      refusal(JSON.stringify({ version: '1', rules })).message,
      /rules has to have at most 10000 items/,
    );
  });
});
