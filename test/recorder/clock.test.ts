import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Event } from '../../src/core/entry.ts';
import type { Producer } from '../../src/recorder/api.ts';
import { entriesOf, machine } from '../support/recorder.ts';
import { assertVerifies } from '../support/verify.ts';

const PRODUCER: Producer = { surface: 'sdk', assurance: 'observed' };
const note: Event = { type: 'step.note', phase: 'point' };

/** A machine whose two clocks run together until one of them is set. */
async function clocks() {
  const box = await machine();
  const clock = { monotonicMs: 1_000 };
  const recorder = await box.open({ monotonic: () => clock.monotonicMs });
  return {
    box,
    recorder,
    pass(ms: number): void {
      clock.monotonicMs += ms;
      box.clock.ms += ms;
    },
    set(ms: number): void {
      box.clock.ms += ms;
    },
    steps: () => entriesOf(box.disk).filter(({ type }) => type === 'clock.step'),
  };
}

test('a clock that is set stands on record in front of the first entry with the new time', async () => {
  const { box, recorder, pass, set, steps } = await clocks();
  const start = box.clock.ms;
  pass(500);
  await recorder.record(note, PRODUCER);
  pass(1_000);
  set(3_600_000);
  const ahead = await recorder.record(note, PRODUCER);
  pass(1_000);
  set(-3_600_000);
  const back = await recorder.record(note, PRODUCER);
  const at = (ms: number): string => new Date(start + ms).toISOString();
  const [first, second, ...more] = steps();
  assert.equal(more.length, 0);
  assert.deepEqual(first?.metadata, { from: at(1_500), to: at(3_601_500), step_ms: 3_600_000 });
  assert.deepEqual([first?.phase, first?.index, first?.ts], ['point', ahead.index - 1, ahead.ts]);
  assert.deepEqual(second?.metadata, { from: at(3_602_500), to: at(2_500), step_ms: -3_600_000 });
  assert.deepEqual([second?.clock, second?.index], ['back', back.index - 1]);
  await recorder.close('test');
  await assertVerifies(box);
});

test('a clock that is adjusted, or a long time without entries, is no step', async () => {
  const { recorder, pass, set, steps } = await clocks();
  for (const ms of [2_000, -2_000, 1_999]) {
    set(ms);
    await recorder.record(note, PRODUCER);
  }
  pass(30 * 86_400_000);
  await recorder.record(note, PRODUCER);
  assert.deepEqual(steps(), []);
  set(2_001);
  await recorder.record(note, PRODUCER);
  assert.equal(steps().length, 1);
  await recorder.close('test');
});

test('an event that is refused does not hide the step before it, and steps do not repeat', async () => {
  const { recorder, set, steps } = await clocks();
  set(-10_000);
  await assert.rejects(recorder.record({ ...note, reason: 'x'.repeat(600) }, PRODUCER), {
    code: 'ENTRY_TOO_LARGE',
  });
  await recorder.record(note, PRODUCER);
  await recorder.record(note, PRODUCER);
  assert.equal(steps().length, 1);
  await recorder.close('test');
});

test('without a second clock nothing is said', async () => {
  const box = await machine();
  const recorder = await box.open();
  box.clock.ms += 86_400_000;
  await recorder.record(note, PRODUCER);
  await recorder.close('test');
  assert.ok(entriesOf(box.disk).every(({ type }) => type !== 'clock.step'));
});
