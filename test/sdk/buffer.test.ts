/** A program that tells more than its recorder takes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../../src/core/limits.ts';
import { stage } from './stage.ts';

const MANY = 1_000_000;
const MIB = 1024 * 1024;

test('a million events in one turn: memory stays bounded, what had no room is counted, and the log says so', async (t) => {
  const box = await stage(t);
  const before = process.memoryUsage().heapUsed;
  let most = 0;
  let acted = 0;
  await box.tally.run(async (run) => {
    let last = run.note('the first');
    for (let i = 2; i <= MANY; i++) {
      last = run.note(`number ${i}`);
      if (i % 50_000 === 0) most = Math.max(most, process.memoryUsage().heapUsed - before);
    }
    assert.equal(last.stepId, String(MANY));
    await assert.rejects(last, { message: /step.note is not in the log.*the buffer was full/ });
    await assert.rejects(Promise.all([last]), { code: 'RECORDER_UNAVAILABLE' });
    assert.equal(await last.catch(() => 'told'), 'told');
    // What is done while the buffer is full ends on record.
    await run.act('look', () => ++acted);
    await run.flush();
  });
  assert.ok(most < 256 * MIB, `${Math.round(most / MIB)} MiB`);
  assert.equal(acted, 1);
  assert.equal(box.entries('step.note').length, LIMITS.sdkBufferEvents);
  assert.equal(box.entries('tool.result')[0]?.outcome?.status, 'ok');
  const gaps = box
    .entries('log.gap')
    .map(({ metadata }) => metadata as { count: number; what: string[]; why: string });
  assert.equal(
    gaps.reduce((sum, { count }) => sum + count, 0),
    MANY - LIMITS.sdkBufferEvents,
  );
  assert.deepEqual(gaps[0]?.what, [`${MANY - LIMITS.sdkBufferEvents} × step.note`]);
  assert.equal(gaps[0]?.why, 'the buffer was full');
  assert.ok(box.warnings.some((line) => /not recorded: step.note \(the buffer was full\)/.test(line)));
  assert.ok(box.warnings.length < 30, 'not every one of them is told');
});

test('the bytes of what waits are bounded too, by the size of one event at most', async (t) => {
  const box = await stage(t);
  await box.tally.run(async (run) => {
    await box.down();
    const large = 'x'.repeat(200 * 1024);
    for (let i = 0; i < 500; i++) run.note(large);
    await box.up();
    await run.flush();
  });
  const kept = box.entries('step.note').length;
  const most = Math.ceil(LIMITS.sdkBufferBytes / (200 * 1024)) + 1;
  assert.ok(kept > 100 && kept <= most, `${kept} of at most ${most}`);
  assert.deepEqual(
    box.entries('log.gap').map(({ metadata }) => metadata?.count),
    [500 - kept],
  );
});

test('who waits for room loses nothing, however many they are', async (t) => {
  const box = await stage(t);
  const count = LIMITS.sdkBufferEvents + 5_000;
  await box.tally.run(async (run) => {
    for (let i = 0; i < count; i++) {
      run.note(i);
      await run.room();
    }
  });
  assert.equal(box.entries('step.note').length, count);
  assert.equal(box.entries('log.gap').length, 0);
});

test('room that does not come is told by the failure mode', async (t) => {
  const box = await stage(t);
  await box.tally.run(async (run) => {
    await box.down();
    const fill = (): void => {
      for (let i = 0; i < LIMITS.sdkBufferEvents; i++) run.note(i);
    };
    fill();
    await assert.rejects(run.room(), { code: 'RECORDER_UNAVAILABLE', message: /there is no room for more/ });
    await box.up();
    await run.flush();
    await run.room();
  });
  assert.equal(box.entries('step.note').length, LIMITS.sdkBufferEvents);
});

test('calls that nobody ends are ended, the oldest first, before they fill the memory', async (t) => {
  const box = await stage(t);
  const count = LIMITS.sdkOpenCalls + 10;
  await box.tally.run(async (run) => {
    for (let i = 0; i < count; i++) {
      run.toolCall({ name: 'clock' });
      await run.room();
    }
  });
  const ends = box.entries('tool.result');
  assert.equal(ends.length, count);
  const early = ends.filter(({ outcome }) => /too many were open/.test(String(outcome?.error)));
  assert.deepEqual(
    early.map(({ step_id }) => step_id),
    Array.from({ length: 10 }, (_, i) => String(i + 1)),
  );
});
