/** Crashes at the seams of segments, and starts on logs that somebody took parts of away. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Event } from '../../src/core/entry.ts';
import type { Producer } from '../../src/recorder/api.ts';
import { entriesOf, type Machine, machine } from '../support/recorder.ts';
import { assertVerifies } from '../support/verify.ts';

const PRODUCER: Producer = { surface: 'sdk', assurance: 'observed' };
const WEEK_MS = 7 * 86_400_000;
const note = (i: number): Event => ({ type: 'step.note', phase: 'point', metadata: { i } });

/** Stops dead, as a killed process does, with exactly `size` entries signed and `more` entries after them. */
async function killedAt(size: number, more: number): Promise<Machine> {
  const box = await machine();
  const recorder = await box.open();
  while (recorder.size() < size) {
    const some = Math.min(5_000, size - recorder.size());
    await Promise.all(Array.from({ length: some }, (_, i) => recorder.record(note(i), PRODUCER)));
  }
  assert.equal(await recorder.checkpoint(), size);
  box.clock.ms += 2 * WEEK_MS;
  for (let i = 0; i < more; i++) await recorder.record(note(i), PRODUCER);
  return box;
}

for (const size of [255, 256, 257, 512, 65_536]) {
  for (const more of [0, 1, 3]) {
    test(`a recorder killed with ${size} entries signed and ${more} more starts again`, async () => {
      const box = await killedAt(size, more);
      const again = await box.open();
      await again.record(note(0), PRODUCER);
      await again.close('test');
      assert.equal(entriesOf(box.disk).filter(({ type }) => type === 'log.recover').length, 0);
      await assertVerifies(box);
    });
  }
}

test('tiles that a crash of the machine took at the seam of two segments are made again', async () => {
  const box = await machine();
  const recorder = await box.open();
  await Promise.all(Array.from({ length: 255 }, (_, i) => recorder.record(note(i), PRODUCER)));
  await recorder.checkpoint();
  box.clock.ms += 2 * WEEK_MS;
  const checkpoint = box.disk.objects.get('checkpoint');
  const head = box.heads.get('local/checkpoint');
  await recorder.record(note(1), PRODUCER);
  // As it was before the next checkpoint: the new segment is there, the tile of the old one is not.
  if (checkpoint !== undefined) box.disk.objects.set('checkpoint', checkpoint);
  if (head !== undefined) box.heads.set('local/checkpoint', head);
  box.disk.objects.delete('tile/0/000');
  const again = await box.open();
  await again.close('test');
  assert.deepEqual([...box.disk.segments.keys()], [0, 256]);
  await assertVerifies(box);
});

for (const [what, take] of [
  ['its checkpoint', (box: Machine) => box.disk.objects.delete('checkpoint')],
  ['its remembered head', (box: Machine) => box.heads.delete('local/checkpoint')],
] as const) {
  test(`a log that has lost ${what} is not signed again`, async () => {
    const box = await machine();
    const recorder = await box.open();
    await recorder.record(note(0), PRODUCER);
    await recorder.close('test');
    take(box);
    const before = Buffer.from(box.disk.segments.get(0) ?? []);
    await assert.rejects(box.open(), { code: 'LOG_DAMAGED' });
    assert.deepEqual(box.disk.segments.get(0), before);
  });
}

test('an event whose redaction fits no entry is refused, and the log opens again', async () => {
  const box = await machine();
  const recorder = await box.open();
  const bad: Event[] = [
    { type: 'custom', phase: 'point', outcome: { status: 'ok', request_hash: '378282246310005' } },
    { type: 'custom', phase: 'point', run_id: 'a@b.co '.repeat(36) },
  ];
  for (const event of bad) await assert.rejects(recorder.record(event, PRODUCER), { code: 'BAD_EVENT' });
  await recorder.record(note(0), PRODUCER);
  await recorder.close('test');
  await (await box.open()).close('test');
  await assertVerifies(box, { tornTails: false });
});

test('an event that mentions log.close does not hide what a dead recorder left open', async () => {
  const box = await machine();
  const recorder = await box.open();
  const call: Event = { type: 'http.call', phase: 'pre_exec', action: { name: 'http.call', args: {} } };
  const { id } = await recorder.record(call, { surface: 'proxy', assurance: 'enforced' });
  await recorder.record({ type: 'custom', phase: 'point', zz: { type: 'log.close' } }, PRODUCER);
  const again = await box.open();
  const ends = entriesOf(box.disk).filter((entry) => entry.parent_id === id);
  assert.deepEqual(
    ends.map(({ outcome }) => outcome?.status),
    ['unknown'],
  );
  // Nor can a client say afterwards how a call of the broker ended.
  const forged: Event = { type: 'http.call', phase: 'post_exec', parent_id: id, outcome: { status: 'ok' } };
  await assert.rejects(again.record(forged, { surface: 'sdk', assurance: 'self_reported' }), {
    code: 'BAD_EVENT',
  });
  await again.close('test');
});
