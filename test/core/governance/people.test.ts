import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Approval } from '../../../src/core/governance/approvals.ts';
import { approverRefusal } from '../../../src/core/governance/approvers.ts';
import { readFacts, UNREADABLE } from '../../../src/core/governance/facts.ts';
import { showArguments } from '../../../src/core/governance/shown.ts';
import { LIMITS } from '../../../src/core/limits.ts';
import type { CompiledPolicy } from '../../../src/core/policy/compiled.ts';
import { compilePolicy } from '../../../src/core/policy/load.ts';
import type { Principal } from '../../../src/core/policy/types.ts';
import { createRedactor } from '../../../src/core/redact/redact.ts';

const approval = (more: Partial<Approval>): Approval => ({
  id: 'log_1',
  index: 1,
  status: 'pending',
  action: 'x',
  action_key: 'k',
  policy_hash: 'p',
  requester: {},
  approvers: ['role:admin'],
  ttl_ms: 1,
  requested_at: '',
  expires_at: '',
  expires: 0,
  ...more,
});

const policy = (rest: string): CompiledPolicy =>
  compilePolicy(`version: "1"\nallowlist: [a.example]\n${rest}`, { id: 'local' }).compiled;
const ALONE = policy('');
const OFFICE = policy(
  'users: { ada: { roles: [admin] }, bob: { roles: [member] }, eve: { roles: [auditor] }, own: { roles: [owner] } }\n',
);
const SELF = policy('users: { ada: { roles: [admin] } }\napprovals: { approver_may_be_requester: true }\n');
const person = (id: string, source: Principal['source'] = 'owner'): Principal => ({ id, source });

describe('who may answer', () => {
  it('is who was asked, and not who asks', () => {
    const table: readonly [CompiledPolicy, Partial<Approval>, Principal | undefined, RegExp | undefined][] = [
      // One person on a machine: the agent asks, the person answers.
      [ALONE, { requester: { agent_id: 'a', user_id: 'root' } }, person('root'), undefined],
      [ALONE, { requester: { user_id: 'root' }, run_id: 'run_1' }, person('root'), undefined],
      [ALONE, { requester: { user_id: 'root' } }, person('root'), /another person/],
      [ALONE, { requester: { user_id: 'root' }, approvers: ['user:ada'] }, person('root'), /not among/],
      // Where users are named, a call is its user's.
      [OFFICE, { requester: { agent_id: 'a', user_id: 'ada' } }, person('ada'), /another person/],
      [OFFICE, { requester: { agent_id: 'a', user_id: 'bob' } }, person('ada'), undefined],
      [OFFICE, { requester: { agent_id: 'a', user_id: 'bob' } }, person('own'), undefined],
      [OFFICE, { requester: { agent_id: 'a', user_id: 'ada' } }, person('bob'), /not among/],
      [OFFICE, { requester: { user_id: 'ada' }, approvers: ['role:member'] }, person('bob'), undefined],
      [OFFICE, { requester: { user_id: 'ada' }, approvers: ['role:member'] }, person('own'), undefined],
      [OFFICE, { requester: { user_id: 'ada' }, approvers: ['role:auditor'] }, person('own'), /not among/],
      [OFFICE, { requester: { user_id: 'ada' }, approvers: ['user:eve'] }, person('eve'), undefined],
      [OFFICE, { requester: { user_id: 'bob' } }, person('mallory', 'token'), /not among/],
      [OFFICE, { requester: { user_id: 'bob' } }, undefined, /knows who you are/],
      [SELF, { requester: { agent_id: 'a', user_id: 'ada' } }, person('ada'), undefined],
      [ALONE, { requester: {}, approvers: [] }, person('root'), /not among/],
    ];
    for (const [compiled, about, by, why] of table) {
      const refused = approverRefusal(compiled, approval(about), by);
      if (why === undefined) assert.equal(refused, undefined, JSON.stringify(about));
      else assert.match(refused ?? '', why, JSON.stringify(about));
    }
  });
});

describe('facts', () => {
  const reading = {
    facts: { a: ['x', 'y'], b: ['0'], c: ['__proto__', 'z'], d: ['big'] },
  } as unknown as CompiledPolicy;

  it('are numbers, booleans and short texts, from members of their own only', () => {
    assert.deepEqual(readFacts(reading, { x: { y: 1.5 } }), { a: 1.5 });
    assert.deepEqual(readFacts(reading, { x: { y: true } }), { a: true });
    assert.deepEqual(readFacts(reading, { x: { y: 'é'.repeat(32) } }), { a: 'é'.repeat(32) });
    assert.deepEqual(readFacts(reading, { x: { y: 2 ** 53 } }), { a: '9007199254740992' });
    for (const none of [null, undefined]) {
      assert.deepEqual(readFacts(reading, { x: { y: none } }), {});
      assert.deepEqual(readFacts(reading, { x: none }), {});
    }
    assert.deepEqual(readFacts(reading, [7]), { a: null, b: 7, c: null, d: null });
    assert.deepEqual(readFacts(reading, Object.create({ x: { y: 1 } })), {});
    assert.deepEqual(readFacts(reading, JSON.parse('{"__proto__":{"z":3}}')), { c: 3 });
  });

  it('are null where something is there that is none, or that cannot be read: that is not the same as nothing', () => {
    for (const odd of [[1], {}, Number.NaN, Number.POSITIVE_INFINITY, '\ud800', 1n, () => 1, 'é'.repeat(33)])
      assert.deepEqual(readFacts(reading, { x: { y: odd } }), { a: null });
    for (const on of [5, 'y', [{ y: 1 }]]) assert.deepEqual(readFacts(reading, { x: on }), { a: null });
    assert.deepEqual(readFacts(reading, UNREADABLE), { a: null, b: null, c: null, d: null });
  });

  it('never throw, and cost the same whatever else is there', () => {
    fc.assert(fc.property(fc.anything(), (from) => void readFacts(reading, from)));
    const hostile = new Proxy(
      {},
      {
        getOwnPropertyDescriptor() {
          throw new Error('no');
        },
      },
    );
    assert.deepEqual(readFacts(reading, hostile), { a: null, b: null, c: null, d: null });
    const started = performance.now();
    readFacts(reading, { big: 'a'.repeat(10_000_000), rest: Array.from({ length: 100_000 }, () => ({})) });
    assert.ok(performance.now() - started < 500);
  });
});

describe('what a person is shown', () => {
  const redactor = createRedactor();

  it('is canonical, redacted and bounded, and says how much is missing', () => {
    redactor.setSecret('KEY', 'a-very-secret-value');
    fc.assert(
      fc.property(fc.jsonValue(), fc.nat(2_000), (value, pad) => {
        const shown = showArguments({ value, text: `${'x'.repeat(pad)}a-very-secret-value` }, redactor);
        assert.ok(!JSON.stringify(shown).includes('a-very-secret-value'));
        assert.ok(JSON.stringify(shown?.arguments).length <= LIMITS.approvalShownBytes);
      }),
    );
  });

  it('shows no part of a secret that lies across the cut', () => {
    redactor.setSecret('KEY', 'a-very-secret-value');
    for (let pad = 1_000; pad < 1_030; pad++) {
      const shown = showArguments(
        { text: `${'x'.repeat(pad)}a-very-secret-value${'y'.repeat(5_000)}` },
        redactor,
      );
      assert.doesNotMatch(String(shown?.arguments), /a-ver/);
      assert.ok((shown?.left_out ?? 0) > 4_000);
    }
  });

  it('survives whatever it is handed', () => {
    fc.assert(fc.property(fc.anything(), (value) => void showArguments(value, redactor)));
    const circle: Record<string, unknown> = {};
    circle.me = circle;
    assert.ok(JSON.stringify(showArguments(circle, redactor)).length < 10_000);
    assert.equal(showArguments(undefined, redactor), undefined);
  });
});
