/** What a client says of itself, and what it may not get by saying it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Client } from '../../src/recorder/ops.ts';
import { entriesOf, machine, POLICY } from '../support/recorder.ts';
import { PERSON, serve } from '../support/serve.ts';

const AGENT: Client = { ...PERSON, detected: { agent: 'some-agent', signals: ['SOME_AGENT'] } };
const REQUIRED = { code: 'OPERATOR_REQUIRED' };

test('a name that stands for an agent can be taken on for a run by the operator only', async () => {
  const { recorder, handle } = await serve(await machine());
  await handle('agent.register', { agent_id: 'registered' }, PERSON);
  await handle(
    'policy.set',
    {
      text: `${POLICY}credentials:\n  KEY: { hosts: [api.example.com], agents: [entitled] }\nagents: { strict: { requires: issued } }\n`,
    },
    PERSON,
  );
  for (const agent_id of ['registered', 'entitled', 'strict'])
    await assert.rejects(handle('run.start', { agent_id }, AGENT), REQUIRED, agent_id);
  const run = await handle('run.start', { agent_id: 'entitled' }, PERSON);
  assert.equal(recorder.identify({ run_token: run.token }).level, 'issued');
  await recorder.close('test');
});

test('the token of a run that an agent started proves the run and no name, also after a restart', async () => {
  const box = await machine();
  let { recorder, handle } = await serve(box);
  const named = await handle('run.start', { agent_id: 'coder' }, AGENT);
  const nameless = await handle('run.start', {}, AGENT);
  const check = () => {
    const { level, agent_id, run_id, failure } = recorder.identify({ run_token: named.token });
    assert.deepEqual([level, agent_id, run_id, failure], ['declared', 'coder', named.run_id, undefined]);
    assert.equal(recorder.identify({ run_token: nameless.token }).level, 'anonymous');
  };
  check();
  await recorder.close('test');
  ({ recorder, handle } = await serve(box));
  check();
  box.registry.clear();
  await recorder.close('test');
  box.registry.clear();
  ({ recorder, handle } = await serve(box));
  check();
  await recorder.close('test');
});

test('a client cannot report beginnings and ends of runs', async () => {
  const { recorder, handle } = await serve(await machine());
  for (const type of ['run.start', 'run.end'])
    await assert.rejects(handle('record', { event: { type, phase: 'point', run_id: 'run_x' } }, PERSON), {
      code: 'BAD_EVENT',
    });
  await recorder.close('test');
});

test('what a client says of itself is marked as said, and a role is dropped', async () => {
  const { recorder, handle, box } = await serve(await machine());
  const run = await handle('run.start', { agent_id: 'coder' }, PERSON);
  const event = {
    type: 'tool.call',
    phase: 'point',
    run_id: 'run_of_another',
    actor: { role: 'owner', agent_id: 'coder', user: { id: 'root' } },
    quality: { 'actor.user': 'verified', 'metadata.x': 'verified', 'metadata.y': 'inferred' },
  } as const;
  await handle('record', { event }, PERSON);
  await handle('record', { event }, { ...PERSON, run_token: run.token });
  await recorder.close('test');
  const [bare, proved] = entriesOf(box.disk).filter(({ type }) => type === 'tool.call');
  assert.equal(bare?.actor?.role, undefined);
  assert.deepEqual(bare?.quality, {
    'actor.agent_id': 'asserted',
    'actor.os': 'asserted',
    'actor.user': 'asserted',
    'metadata.x': 'asserted',
    'metadata.y': 'inferred',
    run_id: 'asserted',
  });
  assert.equal(proved?.run_id, run.run_id);
  assert.deepEqual(
    [proved?.quality?.run_id, proved?.quality?.['actor.agent_id'], proved?.quality?.['actor.user']],
    [undefined, undefined, 'asserted'],
  );
});

test('a request that is refused inside a run is recorded with that run and its agent', async () => {
  const { recorder, handle, box } = await serve(await machine());
  const run = await handle('run.start', { agent_id: 'coder' }, PERSON);
  const inside: Client = { ...PERSON, run_token: run.token };
  await assert.rejects(handle('secret.change', { operation: 'delete', key: 'STRIPE_KEY' }, inside), REQUIRED);
  await assert.rejects(
    handle('agent.register', { agent_id: 'x' }, { ...PERSON, run_token: 'run_x.y' }),
    REQUIRED,
  );
  await recorder.close('test');
  const [known, unknown] = entriesOf(box.disk).filter(({ outcome }) => outcome?.status === 'blocked');
  assert.deepEqual(
    [known?.type, known?.run_id, known?.actor?.agent_id, known?.secret?.key, known?.secret?.operation],
    ['secret.access', run.run_id, 'coder', 'STRIPE_KEY', 'delete'],
  );
  assert.deepEqual([unknown?.run_id, unknown?.actor?.agent_id], [undefined, undefined]);
});

test('changing a credential needs the passphrase where one is set', async () => {
  const { recorder, handle } = await serve(await machine(), { protected: true, token: 'op-secret-token' });
  const change = { operation: 'set', key: 'STRIPE_KEY' } as const;
  await assert.rejects(handle('secret.change', change, PERSON), REQUIRED);
  await handle('secret.change', change, { ...PERSON, operator_token: 'op-secret-token' });
  await recorder.close('test');
});

test('two changes of the policy at once leave one order: on record, in the file and in force', async () => {
  const served = { writeMs: 20 };
  const { recorder, handle, box, written } = await serve(await machine(), served);
  const text = (version: string) => POLICY.replace('"1"', `"${version}"`);
  const first = handle('policy.set', { text: text('2') }, PERSON);
  served.writeMs = 0;
  await Promise.all([first, handle('policy.set', { text: text('3') }, PERSON)]);
  assert.deepEqual(written, [text('2'), text('3')]);
  assert.equal(recorder.policy().compiled.version, '3');
  await recorder.close('test');
  const changes = entriesOf(box.disk).filter(({ type }) => type === 'policy.change');
  const versions = changes.map(({ metadata }) => [metadata?.before, metadata?.after]);
  assert.deepEqual(
    JSON.parse(JSON.stringify(versions)).map((pair: { version: string }[]) =>
      pair.map((side) => side.version),
    ),
    [
      ['1', '2'],
      ['2', '3'],
    ],
  );
});
