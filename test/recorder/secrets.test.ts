import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Client, OpParams } from '../../src/recorder/ops.ts';
import { createService } from '../../src/recorder/service.ts';
import { createTurns } from '../../src/recorder/turns.ts';
import { countingRandom, entriesOf, machine, POLICY } from '../support/recorder.ts';

const PERSON: Client = { surface: 'secrets', user: 'ann', uid: 1000, pid: 7, ppid: 6, ancestors: ['zsh'] };
const AGENT: Client = { ...PERSON, detected: { agent: 'claude', signals: ['env:CLAUDECODE'] } };

async function opened(policy = POLICY) {
  const box = await machine();
  const recorder = await box.open({ policy });
  const handle = createService({
    recorder,
    random: countingRandom('service'),
    version: 'test',
    pid: 1,
    broker: () => ({}),
    writePolicy: async () => undefined,
    operator: { isProtected: async () => false, check: async () => false },
    policyTurn: createTurns(),
  });
  return {
    access: (params: OpParams<'secret.access'>, client: Client = PERSON) =>
      handle('secret.access', params, client),
    handle,
    recorder,
    entries: () => entriesOf(box.disk).filter(({ type }) => type === 'secret.access'),
  };
}

test('an access is on record before its answer, with who asks, through which programs, and what for', async () => {
  const { access, entries } = await opened();
  const { id, outcome } = await access({
    operation: 'get',
    key: 'DATABASE_URL',
    project_id: 'shop',
    profile: 'production',
    reason: 'nightly backup',
  });
  assert.equal(outcome, 'allow');
  const [entry] = entries();
  assert.ok(entry);
  assert.equal(entry.id, id);
  assert.deepEqual([entry.phase, entry.reason, entry.project_id], ['pre_exec', 'nightly backup', 'shop']);
  assert.deepEqual(entry.secret, { operation: 'get', key: 'DATABASE_URL', profile: 'production' });
  assert.deepEqual(entry.actor?.os, { user: 'ann', uid: 1000, pid: 7, ppid: 6, ancestors: ['zsh'] });
  assert.deepEqual([entry.actor?.is_agent, entry.actor?.identity_level], [false, 'anonymous']);
  assert.equal(entry.quality?.['actor.os'], 'asserted');
  assert.equal(entry.quality?.project_id, 'asserted');
  assert.deepEqual(entry.source.assurance, 'observed');
  assert.equal(entry.decision?.outcome, 'allow');
  assert.ok(entry.decision?.snapshot?.hash);
});

test('an agent that was found is inferred, and gets what the policy does not name', async () => {
  const { access, entries } = await opened();
  assert.equal((await access({ operation: 'get', key: 'OWN', reason: 'x' }, AGENT)).outcome, 'allow');
  const [entry] = entries();
  assert.equal(entry?.quality?.['actor.detected'], 'inferred');
  assert.equal(entry?.actor?.is_agent, true);
  assert.equal(entry?.actor?.identity_level, 'anonymous');
});

const NAMES = `${POLICY}credentials:
  BROKERED: { hosts: [api.example.com] }
  HANDED: { styles: [env_inject] }
`;

test('a credential that the policy names is handed to an agent only where the policy says so, to a person always', async () => {
  const { access, entries } = await opened(NAMES);
  const stopped = await access({ operation: 'get', key: 'BROKERED' }, AGENT);
  assert.deepEqual([stopped.outcome, stopped.reason], ['stop', 'credential_not_allowed']);
  assert.match(stopped.message ?? '', /BROKERED/);
  assert.equal((await access({ operation: 'run', keys: ['OWN', 'BROKERED'] }, AGENT)).outcome, 'stop');
  assert.equal((await access({ operation: 'get', key: 'HANDED' }, AGENT)).outcome, 'allow');
  assert.equal((await access({ operation: 'check', keys: ['BROKERED'] }, AGENT)).outcome, 'allow');
  assert.equal((await access({ operation: 'get', key: 'BROKERED' }, PERSON)).outcome, 'allow');
  assert.equal((await access({ operation: 'run', keys: ['BROKERED'] }, PERSON)).outcome, 'stop');
  const [pre, post] = entries();
  assert.deepEqual(
    [pre?.decision?.outcome, pre?.decision?.layer, post?.phase, post?.parent_id],
    ['stop', 'credential', 'post_exec', pre?.id],
  );
  assert.deepEqual([post?.outcome?.status, post?.outcome?.error_kind], ['blocked', 'stopped']);
  assert.equal(post?.secret?.found, 'error');
});

test('a kill switch ends accesses to secrets too, of a person as well', async () => {
  const { access, recorder } = await opened();
  await recorder.record(
    { type: 'killswitch.change', phase: 'point', metadata: { scope: 'global', on: true } },
    { surface: 'cli', assurance: 'enforced' },
  );
  const { outcome, reason } = await access({ operation: 'get', key: 'A' });
  assert.deepEqual([outcome, reason], ['stop', 'killed_global']);
});

test('an access that was refused where it was asked is one entry that says why', async () => {
  const { access, entries } = await opened();
  const answer = await access({ operation: 'get', key: 'A', refused: 'reason_required' }, AGENT);
  assert.deepEqual([answer.outcome, answer.reason], ['stop', 'reason_required']);
  const [entry, ...more] = entries();
  assert.deepEqual(more, []);
  assert.deepEqual(
    [entry?.phase, entry?.outcome?.status, entry?.outcome?.error_kind, entry?.secret?.found],
    ['point', 'blocked', 'reason_required', 'error'],
  );
  assert.equal(entry?.decision, undefined);
});

test('writing secrets is the operator’s: an agent that tries is stopped, on record', async () => {
  const { access, entries } = await opened();
  assert.equal((await access({ operation: 'import', keys: ['A', 'B'] })).outcome, 'allow');
  for (const operation of ['set', 'delete', 'import'] as const)
    await assert.rejects(access({ operation, key: 'A' }, AGENT), { code: 'OPERATOR_REQUIRED' });
  const stopped = entries().filter(({ decision }) => decision?.outcome === 'stop');
  assert.deepEqual(
    stopped.map(({ secret, outcome }) => [secret?.operation, secret?.key, outcome?.status]),
    ['set', 'delete', 'import'].map((operation) => [operation, 'A', 'blocked']),
  );
});

test('inside a run the access belongs to the run and to its agent', async () => {
  const { access, handle, entries } = await opened();
  const run = await handle('run.start', { agent_id: 'nightly' }, PERSON);
  const { outcome } = await access({ operation: 'get', key: 'A' }, { ...PERSON, run_token: run.token });
  assert.equal(outcome, 'allow');
  const entry = entries().at(-1);
  assert.deepEqual([entry?.run_id, entry?.actor?.agent_id], [run.run_id, 'nightly']);
  const bad = await access({ operation: 'get', key: 'A' }, { ...PERSON, run_token: `${run.token}x` });
  assert.deepEqual([bad.outcome, bad.reason], ['stop', 'token_invalid']);
});
