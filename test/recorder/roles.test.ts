import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { OPERATOR_SCOPE, RIGHTS, rolesFor } from '../../src/core/identity/rights.ts';
import { type Client, OPERATOR_OPS, OPS, type Op } from '../../src/recorder/ops.ts';
import { USERS, world } from '../support/agents.ts';
import { PERSON } from '../support/serve.ts';
import { assertVerifies } from '../support/verify.ts';

const EVERYBODY = USERS.replace(
  'users:\n',
  'users:\n  u_1: { email: eve@example.com, roles: [owner] }\n  u_20: { roles: [clerk] }\n',
);
const CUSTOM = 'u_20';

/** A client with a token that was issued for asking as the operator. */
async function clientOf(w: Awaited<ReturnType<typeof world>>, user_id: string): Promise<Client> {
  const { token } = await w.issue(`console-of-${user_id}`, { user_id, scopes: [OPERATOR_SCOPE] });
  return { surface: 'cli', agent_token: token };
}

describe('who may ask what of the recorder', () => {
  test('is said for every request there is, and every operator’s request is for administrators at most', () => {
    const ops = Object.keys(OPS) as Op[];
    assert.deepEqual(
      ops.filter((op) => !Object.hasOwn(RIGHTS, op)),
      [],
      'a request without a line in core/identity/rights.ts is for the owner alone',
    );
    const open = (op: Op) => rolesFor(op).filter((role) => !['owner', 'admin'].includes(role));
    for (const op of OPERATOR_OPS) {
      if (op === 'approval.grant' || op === 'approval.deny') assert.deepEqual(open(op), ['member'], op);
      else assert.deepEqual(open(op), [], op);
    }
    for (const op of ops) if (open(op).includes('auditor')) assert.ok(!OPERATOR_OPS.has(op), op);
  });

  const CASES = [
    ['u_1', 'owner', 'allow'],
    ['u_18', 'admin', 'allow'],
    ['u_17', 'member', 'role_denied'],
    ['u_19', 'auditor', 'role_denied'],
    ['svc_1', 'service', 'role_denied'],
    [CUSTOM, 'member', 'role_denied'],
  ] as const;
  for (const [user, role, answer] of CASES) {
    test(`lets ${user} (${role}) ${answer === 'allow' ? '' : 'not '}change the policy`, async () => {
      const w = await world({ policy: EVERYBODY });
      const client = await clientOf(w, user);
      const asked = w.handle('policy.set', { text: `${EVERYBODY}# more\n` }, client);
      if (answer === 'allow') assert.equal((await asked).changed, true);
      else await assert.rejects(asked, { code: 'OPERATOR_REQUIRED' });
      const { type, decision, outcome, actor, quality } = w.last();
      assert.equal(type, 'policy.change');
      assert.deepEqual(
        [decision?.outcome, decision?.reason, outcome?.status],
        answer === 'allow' ? [undefined, undefined, 'ok'] : ['stop', 'role_denied', 'blocked'],
      );
      assert.deepEqual([actor?.user?.id, actor?.role, actor?.identity_level], [user, role, 'issued']);
      assert.equal(quality?.['actor.user'], undefined, 'the user was checked');
      await w.recorder.close('test');
      await assertVerifies(w.box);
    });
  }

  test('keeps what cannot be taken back to owners', async () => {
    const w = await world({ policy: EVERYBODY });
    const admin = await clientOf(w, 'u_18');
    const owner = await clientOf(w, 'u_1');
    await assert.rejects(w.handle('operator.change', { change: 'unprotect' }, admin), {
      code: 'OPERATOR_REQUIRED',
      message: /role admin/,
    });
    await w.handle('operator.change', { change: 'unprotect' }, owner);
    await w.recorder.close('test');
  });

  test('takes the token of an agent that works for an administrator for the agent’s, on record', async () => {
    const w = await world({ policy: EVERYBODY });
    const agent = await w.issue('helper', { user_id: 'u_1' });
    const client: Client = { surface: 'cli', agent_token: agent.token };
    await assert.rejects(w.handle('token.revoke', { token_id: agent.token_id }, client), {
      code: 'OPERATOR_REQUIRED',
      message: /token of an agent/,
    });
    assert.deepEqual([w.last().type, w.last().decision?.reason], ['token.revoke', 'role_denied']);
    await w.recorder.close('test');
  });

  test('asks for the passphrase besides the role', async () => {
    const w = await world({ policy: EVERYBODY, protected: true, token: 'unlocked' });
    const operator: Client = { ...PERSON, operator_token: 'unlocked' };
    const { token } = await w.issue('console', { user_id: 'u_1', scopes: [OPERATOR_SCOPE] }, operator);
    const ask = (client: Client) => w.handle('agent.register', { agent_id: 'x' }, client);
    await assert.rejects(ask({ surface: 'cli', agent_token: token }), { message: /passphrase/ });
    await ask({ surface: 'cli', agent_token: token, operator_token: 'unlocked' });
    assert.equal(w.last().actor?.user?.id, 'u_1');
    await w.recorder.close('test');
  });

  test('refuses a token that is no good instead of taking the caller for the user of the machine', async () => {
    const w = await world({ policy: EVERYBODY, owner: { id: 'ada' } });
    const { token, token_id } = await w.issue('console', { user_id: 'u_1', scopes: [OPERATOR_SCOPE] });
    await w.handle('token.revoke', { token_id }, PERSON);
    const client: Client = { ...PERSON, agent_token: token };
    await assert.rejects(w.handle('agent.register', { agent_id: 'x' }, client), { message: /token_revoked/ });
    assert.equal(w.last().actor?.user?.id, 'u_1', 'whose token it was');
    await w.recorder.close('test');
  });

  test('lets an auditor read and verify, and start and report nothing', async () => {
    const w = await world({ policy: EVERYBODY });
    const auditor = await clientOf(w, 'u_19');
    const filter = {};
    await w.handle('log.read', { command: 'list', filter }, auditor);
    assert.deepEqual([w.last().type, w.last().actor?.role], ['log.read', 'auditor']);
    await w.handle('checkpoint', {}, auditor);
    await w.handle('agent.list', {}, auditor);
    for (const ask of [
      () => w.handle('run.start', {}, auditor),
      () => w.handle('record', { event: { type: 'custom', phase: 'point' } }, auditor),
      () => w.handle('anchor.run', {}, auditor),
    ]) {
      await assert.rejects(ask(), { code: 'STOPPED', message: /role auditor/ });
      assert.deepEqual([w.last().decision?.reason, w.last().outcome?.status], ['role_denied', 'blocked']);
    }
    const token = auditor.agent_token ?? '';
    await assert.rejects(w.delegate(token, 'helper'), { code: 'STOPPED' });
    await w.recorder.close('test');
  });
});

describe('who a call is for', () => {
  test('is the user of the machine where the policy names no users, inferred and not checked', async () => {
    const policy = 'version: "1"\nallowlist: [api.example.com]\n';
    const w = await world({ policy, owner: { id: 'ada' } });
    const { receipt, decision } = await w.use('crm.lookup', {});
    assert.equal(decision.outcome, 'allow');
    const { actor, quality } = w.entry(receipt.index);
    assert.deepEqual(actor, {
      identity_level: 'anonymous',
      user: { id: 'ada' },
      on_behalf_of: { type: 'user', id: 'ada' },
      role: 'owner',
      delegation_chain: [],
    });
    assert.deepEqual(quality, { 'actor.user': 'inferred', 'actor.on_behalf_of': 'inferred' });
    await w.recorder.close('test');
  });

  test('is nobody where the policy names users and no token does: the call is stopped', async () => {
    const w = await world({ owner: { id: 'ada' } });
    const plain = await w.issue('helper');
    for (const claims of [{}, { agent_id: 'helper' }, { agent_token: plain.token }]) {
      const { receipt } = await w.use('crm.lookup', claims);
      const { actor, decision } = w.entry(receipt.index);
      assert.deepEqual(
        [decision?.outcome, decision?.reason, decision?.layer, actor?.user, actor?.delegation_chain],
        ['stop', 'identity_missing', 'identity', undefined, []],
      );
    }
    await w.recorder.close('test');
  });

  test('is the user of the machine under the name that the policy lists, with the roles that it gives', async () => {
    const w = await world({ owner: { id: 'u_17' } });
    const { receipt, decision } = await w.use('refund.create', {});
    assert.equal(decision.outcome, 'allow');
    const { actor } = w.entry(receipt.index);
    assert.deepEqual([actor?.user, actor?.role], [{ id: 'u_17', email: 'ada@example.com' }, 'member']);
    await w.recorder.close('test');
  });

  test('is a service account with a role of its own', async () => {
    const w = await world();
    const { token } = await w.issue('nightly', { user_id: 'svc_1' });
    const { receipt, decision } = await w.use('crm.lookup', { agent_token: token });
    assert.equal(decision.outcome, 'allow');
    const { actor } = w.entry(receipt.index);
    assert.deepEqual(
      [actor?.user, actor?.on_behalf_of, actor?.role],
      [{ id: 'svc_1' }, { type: 'service', id: 'svc_1' }, 'service'],
    );
    await w.recorder.close('test');
  });

  test('cannot be a user whom the policy does not name', async () => {
    const w = await world();
    await assert.rejects(w.issue('helper', { user_id: 'u_71' }), {
      code: 'NOT_FOUND',
      message: /no user u_71/,
    });
    await assert.rejects(w.handle('run.start', { user_id: 'constructor' }, PERSON), { code: 'NOT_FOUND' });
    await w.recorder.close('test');
  });
});

describe('a run', () => {
  test('carries its user, scopes and contract, and its start and end say for whom', async () => {
    const w = await world();
    const run = await w.handle(
      'run.start',
      { agent_id: 'coder', user_id: 'u_17', scopes: ['crm.read'], contract: { tools: ['crm.*'] } },
      PERSON,
    );
    const start = w.last();
    assert.deepEqual(
      [start.actor?.agent_id, start.actor?.user, start.actor?.role, start.actor?.delegation_chain],
      ['coder', { id: 'u_17', email: 'ada@example.com' }, 'member', []],
    );
    assert.equal((await w.use('crm.lookup', { run_token: run.token })).decision.outcome, 'allow');
    const { decision } = await w.use('refund.create', { run_token: run.token });
    assert.deepEqual([decision.reason, decision.layer], ['capability_denied', 'capability']);
    await w.handle(
      'run.end',
      { run_id: run.run_id, run_token: run.token, outcome: { status: 'ok' } },
      PERSON,
    );
    const { actor, type } = w.last();
    assert.deepEqual(
      [type, actor?.user?.id, actor?.role, actor?.agent_id],
      ['run.end', 'u_17', 'member', 'coder'],
    );
    await w.recorder.close('test');
  });

  test('may not be said to be for a user by an agent, and not for another one than its token', async () => {
    const w = await world();
    const a = await w.issue('coder', { user_id: 'u_17', scopes: ['crm.read'] });
    await assert.rejects(w.handle('run.start', { user_id: 'u_18' }, { ...PERSON, run_token: 'run_x.y' }), {
      code: 'OPERATOR_REQUIRED',
    });
    await assert.rejects(w.handle('run.start', { user_id: 'u_18', agent_token: a.token }, PERSON), {
      code: 'STOPPED',
      message: /for u_18.*for u_17/,
    });
    assert.deepEqual([w.last().type, w.last().decision?.reason], ['run.start', 'delegation_exceeded']);
    await assert.rejects(w.handle('run.start', { scopes: ['crm.write'], agent_token: a.token }, PERSON), {
      code: 'STOPPED',
      message: /scope crm\.write/,
    });
    assert.equal((await w.handle('run.start', {}, PERSON)).no_user, true, 'nobody stands behind it');
    const run = await w.handle('run.start', { agent_token: a.token }, PERSON);
    assert.equal(run.no_user, undefined);
    assert.equal(w.last().actor?.agent_id, 'coder', 'who starts a run with an agent’s token is that agent');
    const identity = w.recorder.identify({ run_token: run.token });
    assert.deepEqual([identity.level, identity.user_id, identity.scopes], ['issued', 'u_17', ['crm.read']]);
    await w.handle('token.revoke', { token_id: a.token_id }, PERSON);
    assert.equal(
      w.recorder.identify({ run_token: run.token }).failure,
      'token_revoked',
      'it ends with its token',
    );
    await w.recorder.close('test');
  });

  test('records an event that is reported in it for its user, whatever the client says', async () => {
    const w = await world();
    const run = await w.handle('run.start', { agent_id: 'coder', user_id: 'u_17' }, PERSON);
    const actor = {
      user: { id: 'u_1' },
      on_behalf_of: { type: 'user', id: 'u_1' },
      delegation_chain: ['boss'],
    };
    await w.handle(
      'record',
      { event: { type: 'custom', phase: 'point', actor } },
      { ...PERSON, run_token: run.token },
    );
    const entry = w.last();
    assert.deepEqual(
      [entry.actor?.user, entry.actor?.on_behalf_of, entry.actor?.role, entry.actor?.delegation_chain],
      [{ id: 'u_17', email: 'ada@example.com' }, { type: 'user', id: 'u_17' }, 'member', ['boss']],
    );
    assert.deepEqual(
      [entry.quality?.['actor.user'], entry.quality?.['actor.delegation_chain']],
      [undefined, 'asserted'],
      'what was checked, and what was only said',
    );
    await w.recorder.close('test');
  });
});

test('an event that names another tenant is stopped, whatever the role, and on record', async () => {
  const w = await world({ policy: EVERYBODY });
  const owner = await clientOf(w, 'u_1');
  const event = { type: 'custom', phase: 'point', tenant_id: 'acme' } as const;
  await assert.rejects(w.handle('record', { event }, owner), { code: 'STOPPED', message: /another tenant/ });
  const { type, tenant_id, decision, outcome, actor } = w.last();
  assert.deepEqual(
    [type, tenant_id, decision?.reason, decision?.layer, outcome?.status, actor?.role],
    ['custom', 'local', 'not_a_member', 'membership', 'blocked', 'owner'],
  );
  await w.handle('record', { event: { ...event, tenant_id: 'local' } }, owner);
  await w.recorder.close('test');
});
