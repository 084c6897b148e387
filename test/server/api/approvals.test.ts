import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { assertVerifies } from '../../support/verify.ts';
import { bearer, type Stage, stage } from './stage.ts';

const POLICY = `version: "1"
identity: { anonymous: allow, declared: allow }
allowlist: [api.example.com]
users:
  u_clerk: { email: clerk@example.com, roles: [member] }
  u_boss: { email: boss@example.com, roles: [admin] }
facts: { amount: args.amount }
rules:
  - { id: big-refund, when: 'action.name == "refund.create" && facts.amount > 100.0', decision: approval_required, reason: refund_over_limit, approvers: ["role:admin"], ttl: 15m }
`;

interface Shop extends Stage {
  readonly clerk: Record<string, string>;
  readonly boss: Record<string, string>;
  refund(amount: number, who?: Record<string, string>): ReturnType<Stage['ask']>;
}

async function shop(t: TestContext, operator: { protected?: boolean } = {}): Promise<Shop> {
  const made = await stage(t, { policy: POLICY, operator: { token: 'opr_right', ...operator } });
  const clerk = bearer(await made.token('refund-bot', { user_id: 'u_clerk' }));
  const boss = bearer(await made.token('boss-desk', { user_id: 'u_boss', scopes: ['tally.operator'] }));
  return {
    ...made,
    clerk,
    boss,
    refund: (amount, who = clerk) =>
      made.ask('/v1/decisions', { action: { name: 'refund.create' }, args: { amount, order: 'o_1' } }, who),
  };
}

describe('approvals over HTTP', () => {
  it('what is held is granted by somebody else, used once, for these very arguments', async (t) => {
    const { ask, refund, clerk, boss, entries, box, close } = await shop(t);
    const held = await refund(250);
    assert.equal(held.status, 200);
    assert.deepEqual([held.body.proceed, held.body.decision.outcome], [false, 'approval_required']);
    const id = held.body.approval_id;

    const list = await ask('/v1/approvals', undefined, boss);
    assert.deepEqual(
      list.body.approvals.map((one: { id: string }) => one.id),
      [id],
    );
    const shown = await ask(`/v1/approvals/${id}`, undefined, clerk);
    assert.equal(shown.body.status, 'pending');
    assert.match(shown.body.arguments, /"amount":250/);

    const own = await ask(`/v1/approvals/${id}`, { decision: 'grant' }, clerk);
    assert.equal(own.status, 403);
    const granted = await ask(`/v1/approvals/${id}`, { decision: 'grant', reason: 'good customer' }, boss);
    assert.deepEqual([granted.status, granted.body.approver], [200, 'u_boss']);
    const again = await ask(`/v1/approvals/${id}`, { decision: 'deny' }, boss);
    assert.deepEqual([again.status, again.body.error.code], [409, 'already_answered']);

    assert.equal((await refund(251)).body.proceed, false, 'another amount is another request');
    const allowed = await refund(250);
    assert.equal(allowed.body.proceed, true);
    assert.equal(allowed.body.decision.approval.id, id);
    assert.equal((await refund(250)).body.proceed, false, 'it was used');
    await ask('/v1/outcomes', { decision_id: allowed.body.id, outcome: { status: 'ok' } }, clerk);
    assert.equal(entries().find((entry) => entry.id === allowed.body.id)?.parent_id, id);
    await close();
    await assertVerifies(box);
  });

  it('are neither shown to nor used by somebody whom another agent gave the name', async (t) => {
    const { ask, refund, boss, token, handle } = await shop(t);
    const parent = await token('other-bot', { user_id: 'u_clerk' });
    const made = await handle('token.delegate', { parent, agent_id: 'refund-bot' }, { surface: 'cli' });
    const id = (await refund(250)).body.approval_id;
    assert.equal((await ask(`/v1/approvals/${id}`, undefined, bearer(made.token))).status, 404);
    await ask(`/v1/approvals/${id}`, { decision: 'grant' }, boss);
    const taken = await refund(250, bearer(made.token));
    assert.equal(taken.body.decision.outcome, 'approval_required');
    assert.notEqual(taken.body.approval_id, id);
    assert.equal((await refund(250)).body.proceed, true, 'it is still there for who asked');
  });

  it('with a passphrase a person answers and stops things by their own token, and does nothing else', async (t) => {
    const { ask, refund, boss, clerk, handle, entries } = await shop(t, { protected: true });
    const id = (await refund(250)).body.approval_id;
    assert.equal((await ask(`/v1/approvals/${id}`, { decision: 'grant' }, clerk)).status, 403);
    assert.equal((await ask(`/v1/approvals/${id}`, { decision: 'grant' }, boss)).status, 200);
    assert.equal((await refund(250)).body.proceed, true);
    const kill = { scope: 'global', on: true, reason: 'odd' };
    assert.equal((await ask('/v1/kill', kill, clerk)).status, 403);
    assert.equal((await ask('/v1/kill', kill, boss)).status, 200);
    const on = await ask('/v1/kill', { ...kill, on: false }, boss);
    assert.deepEqual([on.status, on.body.error.code], [403, 'operator_required']);
    assert.equal((await ask('/v1/kill', { ...kill, on: false }, bearer('opr_right'))).status, 200);
    const other = (await refund(300)).body.approval_id;
    await assert.rejects(handle('approval.grant', { id: other }, { surface: 'cli', user: 'u_boss' }), {
      code: 'OPERATOR_REQUIRED',
    });
    assert.equal(entries().at(-1)?.decision?.reason, 'role_denied');
  });

  it('waiting for one ends when a person answers', async (t) => {
    const { ask, refund, clerk, boss } = await shop(t);
    const { body } = await refund(300);
    const waiting = ask(`/v1/approvals/${body.approval_id}?wait_ms=20000`, undefined, clerk);
    const started = performance.now();
    await ask(`/v1/approvals/${body.approval_id}`, { decision: 'deny' }, boss);
    assert.equal((await waiting).body.status, 'denied');
    assert.ok(performance.now() - started < 5_000);
    assert.equal((await refund(300)).body.decision.reason, 'policy_approval_denied');
    assert.equal((await ask(`/v1/approvals/${body.approval_id}?wait_ms=1e9`, undefined, clerk)).status, 400);
  });

  it('nobody is taken for the operator without a proof, and each attempt is on record', async (t) => {
    const { ask, refund, token, entries } = await shop(t);
    const id = (await refund(300)).body.approval_id;
    const agent = bearer(await token('lonely', {}));
    const before = entries().length;
    const attempts: [Record<string, string>, string][] = [
      [{}, 'the caller proved nothing'],
      [agent, 'of no user'],
      [bearer('opr_wrong'), 'not good'],
    ];
    for (const [who, why] of attempts) {
      for (const [path, body] of [
        [`/v1/approvals/${id}`, { decision: 'grant' }],
        ['/v1/kill', { scope: 'global', on: true, reason: 'x' }],
      ] as const) {
        const { status, body: said } = await ask(path, body, who);
        assert.deepEqual([status, said.error.code], [403, 'operator_required']);
        assert.match(said.error.message, new RegExp(why));
      }
    }
    const stops = entries().slice(before);
    assert.equal(stops.length, 6);
    assert.ok(
      stops.every(
        ({ decision, outcome }) => decision?.reason === 'role_denied' && outcome?.status === 'blocked',
      ),
    );
    for (const path of ['/v1/kill', '/v1/approvals', `/v1/approvals/${id}`])
      assert.equal((await ask(path, undefined, bearer('opr_wrong'))).status, 401, path);
    assert.equal((await refund(300)).body.proceed, false);
    assert.equal((await ask('/v1/approvals', undefined, agent)).body.approvals.length, 0, 'not its own');
  });

  it('the kill switch is effective on the next call, for the operator token too', async (t) => {
    const { ask, refund, boss } = await shop(t);
    assert.equal((await refund(10)).body.proceed, true);
    const off = await ask(
      '/v1/kill',
      { scope: 'agent:refund-bot', on: true, reason: 'odd refunds' },
      bearer('opr_right'),
    );
    assert.deepEqual([off.status, off.body.changed], [200, true]);
    assert.equal((await refund(10)).body.decision.reason, 'killed_agent');
    const { body } = await ask('/v1/kill', undefined, boss);
    assert.deepEqual(
      body.switches.map((one: { scope: string }) => one.scope),
      ['agent:refund-bot'],
    );
    await ask('/v1/kill', { scope: 'agent:refund-bot', on: false, reason: 'explained' }, boss);
    assert.equal((await refund(10)).body.proceed, true);
    assert.equal((await ask('/v1/kill', { scope: 'everything', on: true, reason: 'x' }, boss)).status, 400);
  });
});
