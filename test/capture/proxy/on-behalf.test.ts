/** On whose behalf a call through the broker is, in what it records and in what it answers. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { PERSON, serviceOf } from '../../support/serve.ts';
import { echo, type Stage, stage } from './stage.ts';

const ADA = { id: 'u_17', email: 'ada@example.com' };

async function withUsers(
  t: Parameters<typeof stage>[0],
  users = `u_17: { email: ${ADA.email}, roles: [member] }`,
) {
  const s = await stage(t);
  const up = await s.upstream(echo, { line: '{ host: 127.0.0.1, http: true, internal: true, port: 1 }' });
  await s.vault.set('KEY', randomBytes(18).toString('base64url'));
  const policy = (named: string) =>
    s.policy(
      `version: "1"\nallowlist:\n  - { host: 127.0.0.1, port: ${up.port}, http: true, internal: true }\nusers: { ${named} }\n`,
    );
  await policy(users);
  const { handle } = serviceOf(s.recorder);
  await handle('agent.register', { agent_id: 'orchestrator' }, PERSON);
  return { s, up, handle, policy };
}

async function call(s: Stage, origin: string, headers: Record<string, string>) {
  const before = s.entries().length;
  const { status } = await s.get(`${origin}/x`, headers);
  await s.quiet();
  const [pre, post] = s.entries().slice(before);
  assert.ok(pre !== undefined && post !== undefined);
  return { status, pre, post };
}

test('every record of a call names its user, its role and the hands it went through', async (t) => {
  const { s, up, handle } = await withUsers(t);
  const a = await handle('token.issue', { agent_id: 'orchestrator', user_id: 'u_17' }, PERSON);
  const b = await handle('token.delegate', { parent: a.token, agent_id: 'researcher' }, PERSON);
  const c = await handle('token.delegate', { parent: b.token, agent_id: 'writer' }, PERSON);
  const { status, pre, post } = await call(s, up.origin, { 'X-AS-Agent-Token': c.token });
  assert.equal(status, 200);
  const actor = {
    identity_level: 'issued',
    agent_id: 'writer',
    agent_token_id: c.token_id,
    user: ADA,
    on_behalf_of: { type: 'user', id: 'u_17' },
    role: 'member',
    delegation_chain: ['orchestrator', 'researcher'],
  };
  assert.deepEqual([pre.actor, post.actor], [actor, actor]);
  const direct = await call(s, up.origin, { 'X-AS-Agent-Token': a.token });
  assert.deepEqual([direct.status, direct.pre.actor?.delegation_chain], [200, []]);
});

test('a token that ends in the middle of a session is refused with the next call, and so are those below it', async (t) => {
  const { s, up, handle } = await withUsers(t);
  const a = await handle('token.issue', { agent_id: 'orchestrator', user_id: 'u_17' }, PERSON);
  const b = await handle('token.delegate', { parent: a.token, agent_id: 'researcher' }, PERSON);
  assert.equal((await call(s, up.origin, { 'X-AS-Agent-Token': b.token })).status, 200);
  await handle('token.revoke', { token_id: a.token_id }, PERSON);
  const { status, pre, post } = await call(s, up.origin, { 'X-AS-Agent-Token': b.token });
  assert.equal(status, 401);
  assert.deepEqual(
    [pre.decision?.outcome, pre.decision?.reason, pre.decision?.layer, post.outcome?.status],
    ['stop', 'token_revoked', 'identity', 'blocked'],
  );
  assert.deepEqual(
    [pre.actor?.user, pre.actor?.delegation_chain, pre.actor?.identity_level],
    [ADA, ['orchestrator'], 'declared'],
    'a stopped call says whose it was',
  );
  assert.equal(up.count(), 1);
});

test('a user who is taken out of the policy, and a call without anybody behind it, are stopped', async (t) => {
  const { s, up, handle, policy } = await withUsers(t);
  const a = await handle('token.issue', { agent_id: 'orchestrator', user_id: 'u_17' }, PERSON);
  const nobody = await call(s, up.origin, {});
  assert.deepEqual([nobody.status, nobody.pre.decision?.reason], [403, 'identity_missing']);
  assert.deepEqual([nobody.pre.actor?.user, nobody.pre.actor?.delegation_chain], [undefined, []]);
  await policy('u_18: { roles: [member] }');
  const { status, pre } = await call(s, up.origin, { 'X-AS-Agent-Token': a.token });
  assert.deepEqual([status, pre.decision?.reason, pre.decision?.layer], [403, 'not_a_member', 'membership']);
  assert.deepEqual([pre.actor?.user, pre.actor?.role], [{ id: 'u_17' }, undefined]);
  assert.equal(up.count(), 0);
});

test('a token of another tenant is none here, whatever it is good for there', async (t) => {
  const { s, up, handle } = await withUsers(t);
  const a = await handle('token.issue', { agent_id: 'orchestrator', user_id: 'u_17' }, PERSON);
  const b = await handle('token.delegate', { parent: a.token, agent_id: 'researcher' }, PERSON);
  // As a registry would have it that was copied here from another recorder.
  const { tokens } = s.recorder.registry.current();
  for (const id of [a.token_id, b.token_id]) {
    const token = tokens.get(id);
    assert.ok(token !== undefined);
    tokens.set(id, { ...token, tenant_id: 'acme' });
  }
  for (const { token } of [a, b]) {
    const { status, pre, post } = await call(s, up.origin, { 'X-AS-Agent-Token': token });
    assert.equal(status, 401);
    assert.deepEqual(
      [pre.tenant_id, pre.decision?.reason, pre.decision?.layer, post.outcome?.status],
      ['local', 'agent_workspace_mismatch', 'identity', 'blocked'],
    );
  }
  assert.equal(up.count(), 0);
});

test('a run keeps its calls to its own user, hosts and credentials', async (t) => {
  const { s, up, handle } = await withUsers(t);
  const start = (contract: object) =>
    handle('run.start', { agent_id: 'coder', user_id: 'u_17', contract }, PERSON);
  const good = await start({ hosts: [`127.0.0.1:${up.port}`], credentials: { allow: ['KEY'] } });
  const headers = (token: string) => ({ 'X-AS-Session-Token': token });
  const first = await call(s, up.origin, headers(good.token));
  assert.equal(first.status, 200);
  assert.deepEqual([first.pre.run_id, first.pre.actor?.user], [good.run_id, ADA]);
  for (const contract of [{ hosts: ['api.example.com'] }, { credentials: { allow: ['OTHER'] } }]) {
    const run = await start(contract);
    const { status, pre } = await call(s, up.origin, headers(run.token));
    assert.deepEqual(
      [status, pre.decision?.reason, pre.decision?.layer],
      [403, 'capability_denied', 'capability'],
    );
  }
});
