/** A write that is lost, and a write whose reply is lost, at each step around the end of a segment. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { memoryObjects } from '../../src/store/memory.ts';
import { type Fault, faultyObjects, faultyStore, type Step } from '../support/faulty.ts';
import { entriesOf } from '../support/recorder.ts';
import { assertVerifies } from '../support/verify.ts';
import { SEGMENT_ENTRIES } from './scripts.ts';
import { type Acknowledged, note, PRODUCER, type Standing, standingAt } from './segments.ts';

const STEPS: readonly (Step | 'head')[] = ['append', 'openSegment', 'put', 'putMany', 'seal', 'head'];
const FAULTS: readonly Fault[] = ['write lost', 'reply lost'];

/** Records over the end of the segment, seals it, and closes; or as far as it comes. Whether the fault happened. */
async function run(
  { box }: Standing,
  step: Step | 'head',
  occurrence: number,
  fault: Fault,
  acknowledged: Acknowledged[],
): Promise<boolean> {
  let fired = (): boolean => false;
  try {
    const heads = faultyObjects(memoryObjects(box.heads), { occurrence, fault });
    if (step === 'head') fired = heads.fired;
    const recorder = await box.open({
      segmentEntries: SEGMENT_ENTRIES,
      ...(step === 'head' ? { heads } : {}),
      wrap: (store) => {
        if (step === 'head') return store;
        const faulty = faultyStore(store, { step, occurrence, fault });
        fired = faulty.fired;
        return faulty;
      },
    });
    for (let wave = 0; wave < 5; wave++) {
      const events = Array.from({ length: 2 }, (_, i) => recorder.record(note(i), PRODUCER));
      for (const result of await Promise.allSettled(events))
        if (result.status === 'fulfilled') acknowledged.push(result.value);
      await recorder.checkpoint().catch(() => undefined);
    }
    await recorder.sealed();
    await recorder.close('test').catch(() => undefined);
  } catch {
    // The start itself was hit: nothing was acknowledged by it.
  }
  return fired();
}

describe('at the end of a segment', () => {
  for (const step of STEPS) {
    for (const fault of FAULTS) {
      it(`a ${step} with its ${fault}, whichever it is, loses nothing and doubles nothing`, async () => {
        const standing = await standingAt(SEGMENT_ENTRIES - 4);
        const { box, before } = standing;
        let occurrence = 0;
        for (; ; occurrence++) {
          standing.reset();
          const acknowledged = [...before];
          if (!(await run(standing, step, occurrence, fault, acknowledged))) break;
          const recorder = await box.open({ segmentEntries: SEGMENT_ENTRIES });
          acknowledged.push(await recorder.record(note(-1), PRODUCER));
          await recorder.sealed();
          await recorder.close('test');
          const entries = entriesOf(box.disk);
          for (const { id, index } of acknowledged) assert.equal(entries[index]?.id, id, `entry ${index}`);
          assert.equal(new Set(entries.map(({ id }) => id)).size, entries.length, 'an entry stands twice');
          assert.equal(new Set(acknowledged.map(({ index }) => index)).size, acknowledged.length);
          await assertVerifies(box);
        }
        assert.ok(occurrence > 0, 'the fault never happened');
      });
    }
  }
});

describe('a write that fails once', () => {
  it('ends the writer: nothing more is acknowledged, although the disk would take it', async () => {
    const { box } = await standingAt(10);
    let appends = 0;
    const recorder = await box.open({
      wrap: (store) => ({
        ...store,
        async append(bytes) {
          if (++appends === 3) throw new Error('this once');
          await store.append(bytes);
        },
      }),
    });
    const results = [];
    for (let i = 0; i < 4; i++) results.push(await recorder.record(note(i), PRODUCER).catch(String));
    assert.deepEqual(
      results.map((result) => typeof result),
      ['object', 'string', 'string', 'string'],
    );
    assert.match(String(results[3]), /this once/);
    assert.equal(appends, 3, 'the disk was asked again');
    await recorder.close('test').catch(() => undefined);
    await (await box.open()).close('test');
    await assertVerifies(box);
  });
});
