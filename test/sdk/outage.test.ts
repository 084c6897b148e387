/** Nobody records: at the start, in the middle, at the end. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../../src/core/limits.ts';
import { stage, until } from './stage.ts';

test('closed: a run does not begin without a recorder, and says how that is mended', async (t) => {
  const box = await stage(t);
  await box.down();
  await assert.rejects(
    box.tally.run(() => assert.fail('it began')),
    { code: 'RECORDER_UNAVAILABLE', message: /audit_unavailable/, details: { reason: 'audit_unavailable' } },
  );
  assert.deepEqual(box.remembered, []);
});

test('in the middle, events wait and come in their order when it is back; nothing is lost or comes twice', async (t) => {
  const box = await stage(t);
  await box.tally.run(async (run) => {
    await run.note('before');
    await box.down();
    const waiting = Array.from({ length: 50 }, (_, i) => run.note(`while it was down ${i}`));
    await until(() => box.warnings.some((line) => line.startsWith('nothing is recorded')));
    await box.up();
    assert.equal((await Promise.all(waiting)).length, 50);
    assert.equal(await run.act('look', () => 'seen'), 'seen');
  });
  assert.deepEqual(
    box.entries('step.note').map(({ step_id }) => Number(step_id)),
    Array.from({ length: 51 }, (_, i) => i + 1),
  );
  assert.equal(box.entries('log.gap').length, 0);
  assert.equal(box.entries('run.end').length, 1);
});

test('closed: an action is not begun while nobody records; one that was is given to its caller, and its end is told later', async (t) => {
  const box = await stage(t);
  let done = 0;
  await box.tally.run(async (run) => {
    const result = await run.act('first', async () => {
      await box.down();
      return 'done';
    });
    assert.equal(result, 'done', 'what was done is given on');
    await assert.rejects(
      run.act('second', () => ++done),
      { message: /second is not done, because it could not be recorded/ },
    );
    await assert.rejects(run.note('said by nobody'), { message: /step.note is not in the log/ });
    await box.up();
    await run.flush();
  });
  assert.equal(done, 0);
  assert.equal(box.entries('tool.result')[0]?.outcome?.status, 'ok');
  assert.equal(box.entries('step.note').length, 1, 'it waited, and came after all');
});

test('open: a run goes on without a recorder, what the policy stops is stopped, and word is left of the rest', async (t) => {
  const asked: string[] = [];
  const box = await stage(t, {
    mode: 'open',
    ungoverned: async () => ({
      async decide({ name }) {
        asked.push(name);
        return name === 'stopped'
          ? { proceed: false, outcome: 'stop', reason: 'no' }
          : { proceed: true, outcome: 'allow' };
      },
    }),
  });
  await box.down();
  let done = 0;
  await box.tally.run(async (run) => {
    await run.act('allowed', () => ++done);
    await assert.rejects(
      run.act('stopped', () => ++done),
      { code: 'STOPPED' },
    );
  });
  assert.equal(done, 1);
  assert.deepEqual(asked, ['allowed', 'stopped']);
  assert.ok(box.remembered.some(({ what }) => what === 'run of bot'));
  assert.ok(box.warnings.some((line) => line.startsWith('NOT RECORDED')));
});

test('what has no room while nobody records is lost, counted, and said in the log as soon as it can be', async (t) => {
  const box = await stage(t);
  const more = 7;
  await box.tally.run(async (run) => {
    await box.down();
    for (let i = 0; i < LIMITS.sdkBufferEvents + more; i++) run.custom('tick');
    await box.up();
    await run.flush();
    await until(() => box.entries('log.gap').length === 1);
  });
  const [gap] = box.entries('log.gap');
  assert.equal(gap?.metadata?.count, more);
  assert.deepEqual(gap?.metadata?.what, [`${more} × custom`]);
  assert.equal(box.entries('custom').length, LIMITS.sdkBufferEvents);
});

test('a run whose end cannot be recorded gives its result, and leaves word of what is missing', async (t) => {
  const box = await stage(t);
  const result = await box.tally.run(async (run) => {
    await box.down();
    void run.note('never');
    return 'the result';
  });
  assert.equal(result, 'the result');
  const words = box.remembered.map(({ what }) => what).join(', ');
  assert.match(words, /step.note/);
  assert.match(words, /run\.end of run_/);
});
