/** The SDK over the HTTP API of a real server. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createTally } from '../../src/sdk.ts';
import { stage } from '../server/api/stage.ts';
import { PERSON } from '../support/serve.ts';
import { until } from './stage.ts';

const POLICY = `version: "1"
identity: { anonymous: allow, declared: allow }
allowlist: []
rules:
  - { id: no-mail, when: 'action.name == "mail.send"', decision: stop, reason: no_mail }
  - { id: ask, when: 'action.name == "pay"', decision: approval_required, reason: over_limit }
approvals: { approver_may_be_requester: true }
`;

test('over HTTP a run is its program’s word, and the recorder decides without seeing who heeds it', async (t) => {
  const { origin, entries } = await stage(t, { policy: POLICY });
  const warnings: string[] = [];
  const tally = createTally({
    agent: 'bot',
    transport: 'http',
    url: origin,
    onWarning: (line) => void warnings.push(line),
    handleExit: false,
  });
  await tally.run({ workflow: 'w', metadata: { a: 1 } }, async (run) => {
    run.userMessage('hello');
    const call = run.modelCall({ model: 'm', input: 'x' });
    await run.modelResponse(call, { output: 'y', usage: { costUsd: 0.1 } });
    assert.equal(await run.act({ name: 'look', args: { a: 1n } }, () => 'seen'), 'seen');
    await assert.rejects(
      run.act('mail.send', () => assert.fail('sent')),
      { code: 'STOPPED', reason: 'no_mail' },
    );
    const pay = { name: 'pay', args: { amount: 5 } };
    await assert.rejects(
      run.act({ ...pay, approvalTimeoutMs: 0 }, () => assert.fail('paid')),
      { code: 'APPROVAL_PENDING' },
    );
    const waiting = run.act({ ...pay, approvalTimeoutMs: 50 }, () => assert.fail('paid'));
    await assert.rejects(waiting, {
      code: 'APPROVAL_PENDING',
      approvalId: entries('approval.request')[0]?.id,
    });
    await run.delegate({ agent: 'sub' }, async (sub) => {
      assert.deepEqual(sub.delegationChain, ['bot']);
      await sub.note('below');
    });
    await assert.rejects(run.delegateToken({ agent: 'sub' }), /over HTTP nothing is delegated/);
  });
  await tally.close();
  assert.equal(tally.transport, 'http');
  assert.deepEqual(warnings, []);
  const own = entries().filter(({ source }) => source.surface === 'http');
  const [start] = own;
  assert.equal(start?.type, 'run.start');
  assert.equal(start?.metadata?.workflow_name, 'w');
  assert.equal(entries('run.end').length, 2);
  for (const { type, source, phase } of own)
    assert.equal(
      source.assurance,
      type === 'decision.made' && (phase === 'pre_exec' || source.assurance === 'observed')
        ? 'observed'
        : 'self_reported',
      type,
    );
  const [look] = entries('decision.made');
  assert.equal(look?.actor?.agent_id, 'bot');
  assert.equal(look?.run_id, start?.run_id);
  assert.match(look?.action?.args_hash ?? '', /^[0-9a-f]{64}$/);
  const [below] = entries('step.note');
  assert.deepEqual(below?.actor?.delegation_chain, ['bot']);
  assert.equal(below?.quality?.['actor.delegation_chain'], 'asserted');
});

test('over HTTP a kill switch is learned from the next decision, and ends what is under way', async (t) => {
  const { origin, entries, handle } = await stage(t, { policy: POLICY });
  const tally = createTally({ agent: 'bot', transport: 'http', url: origin, handleExit: false });
  await assert.rejects(
    tally.run(async (run) => {
      const waiting = run.act('look', ({ signal }) => sleep(20_000, 'done', { signal }));
      await until(() => entries('decision.made').length === 1);
      await handle('kill.set', { scope: 'agent:bot', on: true, reason: 'what is it doing?' }, PERSON);
      assert.equal(run.signal.aborted, false, 'nobody tells it');
      const stopped = { code: 'STOPPED', reason: 'killed_agent' };
      await assert.rejects(
        run.act('look', () => assert.fail('it was begun')),
        stopped,
      );
      assert.equal(run.signal.reason.reason, 'killed_agent');
      await waiting;
    }),
    { name: 'AbortError' },
  );
  await tally.close();
  const ends = entries('decision.made').filter(({ phase }) => phase === 'post_exec');
  assert.ok(ends.some(({ outcome }) => outcome?.status === 'aborted' && outcome.error_kind === 'killed'));
  assert.equal(entries('run.end')[0]?.outcome?.error_kind, 'killed');
});

test('an address that is none, and a transport that is none, are told before anything is done', async () => {
  assert.throws(() => createTally({ transport: 'http', url: 'ftp://x' }), { code: 'USAGE' });
  assert.throws(() => createTally({ transport: 'pigeon' as never }), { code: 'USAGE' });
  const tally = createTally({
    transport: 'http',
    url: 'http://127.0.0.1:9',
    handleExit: false,
    onWarning: () => undefined,
  });
  await assert.rejects(
    tally.run(() => assert.fail('it began')),
    { code: 'RECORDER_UNAVAILABLE', message: /audit_unavailable/ },
  );
});
