import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Client } from '../../src/recorder/ops.ts';
import { entriesOf, machine, POLICY } from '../support/recorder.ts';
import { PERSON, serve } from '../support/serve.ts';
import { assertVerifies } from '../support/verify.ts';

test('an agent token is good until it is revoked, also after a restart that has only the log', async () => {
  const box = await machine();
  let { recorder, handle } = await serve(box);
  await handle('agent.register', { agent_id: 'billing-tool' }, PERSON);
  const issued = await handle('token.issue', { agent_id: 'billing-tool', label: 'laptop' }, PERSON);
  assert.equal(recorder.identify({ agent_token: issued.token }).level, 'issued');
  await recorder.close('test');
  assert.equal(
    JSON.stringify(entriesOf(box.disk)).includes(issued.token.split('.')[1] ?? ''),
    false,
    'the secret is in the log',
  );

  box.registry.clear();
  ({ recorder, handle } = await serve(box));
  assert.deepEqual(recorder.identify({ agent_token: issued.token }), {
    level: 'issued',
    agent_id: 'billing-tool',
    token_id: issued.token_id,
  });
  await handle('token.revoke', { token_id: issued.token_id, reason: 'lost laptop' }, PERSON);
  assert.equal(recorder.identify({ agent_token: issued.token }).failure, 'token_revoked');
  await recorder.close('test');

  ({ recorder } = await serve(box));
  assert.equal(recorder.identify({ agent_token: issued.token }).failure, 'token_revoked');
  await recorder.close('test');
  await assertVerifies(box);
});

test('a run token is bound to its run and ends with it', async () => {
  const { recorder, handle, box } = await serve(await machine());
  const run = await handle('run.start', { agent_id: 'coder', reason: 'tidy up' }, PERSON);
  assert.equal(recorder.identify({ run_token: run.token }).run_id, run.run_id);
  await assert.rejects(
    handle('run.end', { run_id: 'run_other', run_token: run.token, outcome: { status: 'ok' } }, PERSON),
    { code: 'TOKEN_INVALID' },
  );
  await handle(
    'run.end',
    { run_id: run.run_id, run_token: run.token, outcome: { status: 'ok', duration_ms: 5 } },
    PERSON,
  );
  assert.equal(recorder.identify({ run_token: run.token }).failure, 'token_revoked');
  const again = { run_id: run.run_id, run_token: run.token, outcome: { status: 'ok' } } as const;
  assert.deepEqual(await handle('run.end', again, PERSON), {}, 'a lost answer is asked for again');
  await assert.rejects(handle('run.end', { ...again, run_token: `${run.token.slice(0, -1)}!` }, PERSON), {
    code: 'TOKEN_INVALID',
  });
  await recorder.close('test');
  assert.equal(entriesOf(box.disk).filter(({ type }) => type === 'run.end').length, 1);
  await assertVerifies(box);
});

const REFUSED: readonly (readonly [string, Client])[] = [
  ['inside a recorded run', { ...PERSON, run_token: 'run_x.y' }],
  ['by a detected coding agent', { ...PERSON, detected: { agent: 'some-agent', signals: ['SOME_AGENT'] } }],
];
for (const [why, client] of REFUSED) {
  test(`operator requests ${why} are refused and recorded`, async () => {
    const { recorder, handle, box, written } = await serve(await machine());
    await assert.rejects(handle('policy.set', { text: `${POLICY}  - evil.example\n` }, client), {
      code: 'OPERATOR_REQUIRED',
    });
    await assert.rejects(handle('token.issue', { agent_id: 'x' }, client), { code: 'OPERATOR_REQUIRED' });
    await recorder.close('test');
    assert.deepEqual(written, []);
    const stopped = entriesOf(box.disk).filter(({ decision }) => decision?.outcome === 'stop');
    assert.deepEqual(
      stopped.map(({ type, decision, outcome }) => [type, decision?.reason, outcome?.status]),
      [
        ['policy.change', 'role_denied', 'blocked'],
        ['token.issue', 'role_denied', 'blocked'],
      ],
    );
  });
}

test('behind a passphrase, operator requests need the operator token', async () => {
  const { recorder, handle } = await serve(await machine(), { protected: true, token: 'op-secret-token' });
  await assert.rejects(handle('agent.register', { agent_id: 'x' }, PERSON), { code: 'OPERATOR_REQUIRED' });
  await assert.rejects(handle('agent.register', { agent_id: 'x' }, { ...PERSON, operator_token: 'wrong' }), {
    code: 'OPERATOR_REQUIRED',
  });
  await handle('agent.register', { agent_id: 'x' }, { ...PERSON, operator_token: 'op-secret-token' });
  await recorder.close('test');
});

test('a policy change is on record before the file changes, and in force for the next call', async () => {
  const { recorder, handle, box, written } = await serve(await machine());
  const text = POLICY.replace('"1"', '"2"').concat('  - new.example.com\n');
  const decide = () =>
    recorder.decide(
      {
        tenant_id: 'local',
        action: {
          name: 'http.call',
          target: { scheme: 'https', host: 'new.example.com', port: 443, method: 'GET' },
        },
        credentials: [],
      },
      { identity: { level: 'anonymous' } },
    ).outcome;
  assert.equal(decide(), 'stop');
  const set = await handle('policy.set', { text, reason: 'the new supplier' }, PERSON);
  assert.equal(set.changed, true);
  assert.equal(decide(), 'allow');
  assert.deepEqual(written, [text]);
  assert.equal((await handle('policy.set', { text }, PERSON)).changed, false);
  await assert.rejects(handle('policy.set', { text: 'allowlist: {' }, PERSON), { code: 'POLICY_INVALID' });
  assert.equal(decide(), 'allow');
  await recorder.close('test');
  assert.equal(entriesOf(box.disk).filter(({ type }) => type === 'policy.change').length, 1);
});

test('a client cannot write the entries of the recorder, nor decide for itself, nor raise its identity', async () => {
  const { recorder, handle, box } = await serve(await machine());
  for (const type of [
    'policy.change',
    'token.issue',
    'agent.register',
    'log.open',
    'key.rotate',
    'approval.grant',
  ]) {
    await assert.rejects(handle('record', { event: { type, phase: 'point' } }, PERSON), {
      code: 'BAD_EVENT',
    });
  }
  await handle(
    'record',
    {
      event: {
        type: 'tool.call',
        phase: 'point',
        actor: { identity_level: 'issued', agent_id: 'root', agent_token_id: 'agt_1' },
        decision: { outcome: 'allow', layers: [] },
      },
    },
    PERSON,
  );
  await recorder.close('test');
  const entry = entriesOf(box.disk).find(({ type }) => type === 'tool.call');
  assert.equal(entry?.decision, undefined);
  assert.equal(entry?.actor?.identity_level, 'declared');
  assert.equal(entry?.actor?.agent_token_id, undefined);
  assert.equal(entry?.source.assurance, 'self_reported');
});

test('a request that does not fit its shape is refused with the field', async () => {
  const { recorder, handle } = await serve(await machine());
  await assert.rejects(handle('token.revoke', {}, PERSON), { code: 'USAGE', message: /token_id/ });
  await assert.rejects(handle('agent.register', { agent_id: '../../etc' }, PERSON), {
    code: 'USAGE',
    message: /agent_id/,
  });
  await recorder.close('test');
});

test('a run under the name of an agent that must be issued is for the operator to start', async () => {
  const { recorder, handle } = await serve(await machine());
  await handle('policy.set', { text: `${POLICY}agents: { billing-tool: { requires: issued } }\n` }, PERSON);
  const agent: Client = { ...PERSON, detected: { agent: 'some-agent', signals: ['SOME_AGENT'] } };
  await assert.rejects(handle('run.start', { agent_id: 'billing-tool' }, agent), {
    code: 'OPERATOR_REQUIRED',
  });
  await handle('run.start', { agent_id: 'other' }, agent);
  await handle('run.start', { agent_id: 'billing-tool' }, PERSON);
  await recorder.close('test');
});

test('an end repeats the actor of its beginning, and nobody can end a call of the broker', async () => {
  const { recorder, handle, box } = await serve(await machine());
  const begin = { type: 'tool.call', phase: 'pre_exec', action: { name: 'x', args: [1] } } as const;
  const end = { type: 'tool.call', phase: 'post_exec', outcome: { status: 'ok' } } as const;
  const own = await handle('record', { event: { ...begin, actor: { agent_id: 'coder' } } }, PERSON);
  await handle('record', { event: { ...end, parent_id: own.id } }, PERSON);
  const call = await recorder.record(begin, { surface: 'proxy', assurance: 'enforced' });
  await assert.rejects(handle('record', { event: { ...end, parent_id: call.id } }, PERSON), {
    code: 'BAD_EVENT',
  });
  await recorder.record({ ...end, parent_id: call.id }, { surface: 'proxy', assurance: 'enforced' });
  await recorder.close('test');
  const ends = entriesOf(box.disk).filter(({ phase }) => phase === 'post_exec');
  assert.deepEqual(
    ends.map(({ actor, source }) => [actor?.agent_id, source.surface]),
    [
      ['coder', 'cli'],
      [undefined, 'proxy'],
    ],
  );
});

test('a hash of arguments that an event brings along is not taken over', async () => {
  const { recorder, handle, box } = await serve(await machine());
  const action = { name: 'x', args_hash: 'ab'.repeat(32), args_hash_alg: 'sha256', key: 'cd'.repeat(16) };
  await handle('record', { event: { type: 'tool.call', phase: 'point', action } }, PERSON);
  await recorder.close('test');
  const entry = entriesOf(box.disk).find(({ type }) => type === 'tool.call');
  assert.equal(entry?.action?.args_hash, undefined);
  assert.notEqual(entry?.action?.key, action.key);
});
