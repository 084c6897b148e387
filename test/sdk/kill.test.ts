/** A kill switch that is thrown while a program is in the middle of a run. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Handle } from '../../src/recorder/requests.ts';
import { StoppedError } from '../../src/sdk/errors.ts';
import type { Acting } from '../../src/sdk/types.ts';
import { PERSON } from '../support/serve.ts';
import { stage, until } from './stage.ts';

const POLICY = `version: "1"
allowlist: []
tools: { report.read: { writes: false } }
rules:
  - { id: ask, when: 'action.name == "refund.create"', decision: approval_required, reason: refund }
approvals: { hold: 20s }
`;

const kill = (handle: Handle, scope: string, on = true) =>
  handle('kill.set', { scope, on, reason: 'what is it doing?' }, PERSON);

/** Ends when its signal says so, as functions of Node do. */
const waits = ({ signal }: Acting) => sleep(20_000, 'done', { signal });

test('everything: actions under way end, their run is over, and both say why', async (t) => {
  const box = await stage(t, { policy: POLICY });
  let reason: unknown;
  const running = box.tally.run(async (run) => {
    const waiting = run.act('look', async (acting) => {
      acting.signal.addEventListener('abort', () => {
        reason = acting.signal.reason;
      });
      return waits(acting);
    });
    await until(() => box.entries('tool.call').length === 1);
    const done = await kill(box.handle, 'global');
    assert.deepEqual([done.aborted, done.told], [0, 1]);
    await waiting;
  });
  await assert.rejects(running, { name: 'AbortError' });
  assert.ok(reason instanceof StoppedError);
  assert.equal(reason.reason, 'killed_global');
  assert.match(reason.message, /everything is switched off: what is it doing\?/);
  assert.equal(reason.decisionId, box.entries('killswitch.change')[0]?.id);
  const [ended] = box.entries('tool.result');
  assert.equal(ended?.outcome?.status, 'aborted');
  assert.equal(ended?.outcome?.error_kind, 'killed');
  assert.match(String(ended?.outcome?.error), /what is it doing/);
  assert.deepEqual(
    box.entries('run.end').map(({ outcome }) => [outcome?.status, outcome?.error_kind]),
    [['aborted', 'killed']],
  );
});

test('what the run asks for afterwards is stopped, on record, also when it is switched on again', async (t) => {
  const box = await stage(t, { policy: POLICY });
  await box.tally.run(async (run) => {
    await run.act('look', async ({ signal }) => {
      await kill(box.handle, 'agent:bot');
      await until(() => signal.aborted);
      return 'what it found';
    });
    const stopped = { code: 'STOPPED', reason: 'killed_agent' };
    await assert.rejects(
      run.act('look', () => assert.fail('it was begun')),
      stopped,
    );
    await kill(box.handle, 'agent:bot', false);
    await assert.rejects(
      run.act('look', () => assert.fail('it was begun')),
      stopped,
    );
  });
  assert.deepEqual(
    box.entries('tool.result').map(({ outcome }) => [outcome?.status, outcome?.error_kind]),
    [
      ['ok', undefined],
      ['blocked', 'killed_agent'],
      ['aborted', 'killed'],
    ],
    'one that gives its result in spite of it has done what it did',
  );
});

test('of one tool, of all that write, of another agent: only what it concerns ends', async (t) => {
  const box = await stage(t, { policy: POLICY });
  await box.tally.run(async (run) => {
    const names = ['mail.send', 'report.read', 'file.write'];
    const ended: string[] = [];
    const acts = names.map((name) =>
      run.act(name, async (acting) => {
        await waits(acting).catch(() => ended.push(name));
      }),
    );
    await until(() => box.entries('tool.call').length === 3);
    await kill(box.handle, 'agent:another');
    await kill(box.handle, 'tool:mail.send');
    await until(() => ended.length === 1);
    await kill(box.handle, 'writes');
    await until(() => ended.length === 2);
    assert.deepEqual(ended, ['mail.send', 'file.write']);
    assert.equal(run.signal.aborted, false, 'the run goes on');
    await kill(box.handle, 'tool:report.read');
    await Promise.all(acts);
  });
  assert.equal(box.entries('run.end')[0]?.outcome?.status, 'ok');
});

test('whoever waits for a person is told at once, and that it was stopped is on record', async (t) => {
  const box = await stage(t, { policy: POLICY });
  await box.tally.run(async (run) => {
    const waiting = run.act('refund.create', () => assert.fail('it was begun'));
    await until(() => box.entries('approval.request').length === 1);
    await kill(box.handle, 'tool:refund.create');
    await assert.rejects(waiting, { code: 'STOPPED', reason: 'tool_disabled' });
  });
  assert.deepEqual(
    box.entries('tool.call').map(({ decision }) => decision?.outcome),
    ['approval_required', 'stop'],
  );
});

test('one that is thrown while an action is being decided finds it: nothing of it is begun', async (t) => {
  const box = await stage(t, { policy: POLICY });
  let begun = 0;
  await box.tally.run(async (run) => {
    const acts = Array.from({ length: 40 }, (_, i) =>
      run
        .act(`look.${i}`, (acting) => {
          begun++;
          return waits(acting);
        })
        .catch((error: unknown) => error),
    );
    // Some are decided, some are on their way, some are not sent.
    await until(() => box.entries('tool.call').length > 5);
    await kill(box.handle, 'global');
    for (const error of await Promise.all(acts)) assert.ok(error instanceof Error);
  });
  const ends = box.entries('tool.result');
  assert.equal(ends.length, 40);
  assert.ok(ends.every(({ outcome }) => outcome?.error_kind === 'killed' || outcome?.status === 'blocked'));
  const allowed = box.entries('tool.call').filter(({ decision }) => decision?.outcome === 'allow');
  assert.ok(begun <= allowed.length);
});

test('an error of its own is recorded as that, and a run in a run is told too', async (t) => {
  const box = await stage(t, { policy: POLICY });
  await box.tally.run(async () => {
    const inner = box.tally.run({ agent: 'helper' }, async (run) => {
      await run.act('look', async ({ signal }) => {
        await until(() => signal.aborted);
        throw new RangeError('its own');
      });
    });
    await until(() => box.entries('tool.call').length === 1);
    await kill(box.handle, 'agent:helper');
    await assert.rejects(inner, RangeError);
  });
  assert.deepEqual(
    box.entries('tool.result').map(({ outcome }) => [outcome?.status, outcome?.error_kind]),
    [['aborted', 'RangeError']],
  );
});
