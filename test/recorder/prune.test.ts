/** Pruning: what goes, what stays, and that the log verifies before, after and in between. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Event } from '../../src/core/entry.ts';
import { exitCodeOf } from '../../src/core/tlog/verify-report.ts';
import type { Producer } from '../../src/recorder/api.ts';
import type { LocalRecorder } from '../../src/recorder/recorder.ts';
import { entriesOf, type Machine, machine } from '../support/recorder.ts';
import { assertVerifies, reportOf } from '../support/verify.ts';

const PRODUCER: Producer = { surface: 'sdk', assurance: 'observed' };
const DAY = 86_400_000;
const ASKED: Event = { type: 'log.prune', phase: 'point', actor: { user: { id: 'ann' } } };

const note = (i: number): Event => ({ type: 'step.note', phase: 'point', metadata: { i } });
const said = (text: string, run = 'run_1', subject?: string): Event => ({
  type: 'tool.call',
  phase: 'point',
  run_id: run,
  payload: {
    media_type: 'text/plain',
    class: 'prompt',
    data: text,
    ...(subject === undefined ? {} : { subject }),
  },
});

/** Two days a segment: 256 entries, the last of them a day later. */
async function fill(box: Machine, recorder: LocalRecorder, entries: number): Promise<void> {
  for (let i = 0; i < entries; i++) {
    if (i % 128 === 0) box.clock.ms += DAY;
    await recorder.record(i % 100 === 7 ? said(`payload ${i}`, `run_${i}`) : note(i), PRODUCER);
  }
}

async function filled(entries = 1100): Promise<{ box: Machine; recorder: LocalRecorder }> {
  const box = await machine();
  const recorder = await box.open({ segmentEntries: 256, payloads: {} });
  await fill(box, recorder, entries);
  return { box, recorder };
}

const firsts = (box: Machine): number[] => [...box.disk.segments.keys()].sort((a, b) => a - b);

test('whole segments older than the rule go, with their packs and keys, and the log verifies', async () => {
  const { box, recorder } = await filled();
  const keys = box.dataKeys.size;
  const { plan, receipt } = await recorder.pruner.prune({ rule: { days: 4 } }, ASKED);
  assert.deepEqual([plan.from, plan.to, plan.segments], [0, 512, 2]);
  assert.deepEqual(firsts(box), [512, 768, 1024]);
  assert.ok(box.dataKeys.size < keys);
  assert.ok([...box.packs.keys()].every((first) => first >= 512));
  const report = await reportOf(box);
  assert.equal(exitCodeOf(report), 0, JSON.stringify(report));
  assert.deepEqual(
    report.pruned?.prunes.map(({ index, from, to, by }) => [index, from, to, by]),
    [[receipt?.index, 0, 512, 'ann']],
  );
  assert.equal(report.pruned?.unfinished, undefined);
  await recorder.record(note(1), PRODUCER);
  await recorder.close('end');
  await assertVerifies(box);
  const again = await box.open({ segmentEntries: 256, payloads: {} });
  await again.record(note(2), PRODUCER);
  await again.close('end');
  await assertVerifies(box);
});

test('what the recorder knew by heart survives the prune of its entries and the loss of its snapshot', async () => {
  const box = await machine();
  const recorder = await box.open({ segmentEntries: 256, payloads: {} });
  await recorder.record(
    { type: 'agent.register', phase: 'point', metadata: { agent_id: 'builder' }, outcome: { status: 'ok' } },
    { surface: 'cli', assurance: 'enforced' },
  );
  await fill(box, recorder, 900);
  await recorder.pruner.prune({ rule: { days: 4 } }, ASKED);
  await fill(box, recorder, 600);
  await recorder.pruner.prune({ rule: { days: 4 } }, ASKED);
  await recorder.close('end');
  assert.ok((firsts(box)[0] ?? 0) >= 768);
  box.registry.clear();
  const again = await box.open({ segmentEntries: 256, payloads: {} });
  assert.ok(again.registry.current().agents.has('builder'));
  await again.close('end');
  await assertVerifies(box);
});

test('a start refuses a log whose first segment is gone and that no signed entry says was pruned', async () => {
  const { box, recorder } = await filled();
  await recorder.pruner.prune({ rule: { days: 6 } }, ASKED);
  await recorder.close('end');
  const [first] = firsts(box);
  box.disk.segments.delete(first ?? -1);
  await assert.rejects(box.open({ segmentEntries: 256, payloads: {} }), { code: 'LOG_DAMAGED' });
  const report = await reportOf(box);
  assert.equal(exitCodeOf(report), 6);
  assert.deepEqual(report.integrity.missing, [{ from: first, to: firsts(box)[0] }]);
});

test('altered or lost tiles of pruned entries, and an altered carried object, are tampering', async () => {
  const { box, recorder } = await filled();
  await recorder.pruner.prune({ rule: { days: 4 } }, ASKED);
  await recorder.close('end');
  for (const [name, change] of [
    ['tile/0/000', (bytes: Uint8Array) => bytes.fill(1, 100, 132)],
    ['tile/0/001', undefined],
    [
      [...box.disk.objects.keys()].find((one) => one.startsWith('pruned/')) ?? '',
      (bytes: Uint8Array) => bytes.fill(32, 3, 4),
    ],
    [[...box.disk.objects.keys()].find((one) => one.startsWith('pruned/')) ?? '', undefined],
  ] as const) {
    const before = box.disk.objects.get(name);
    assert.ok(before !== undefined, name);
    const after = Uint8Array.from(before);
    change?.(after);
    if (change === undefined) box.disk.objects.delete(name);
    else box.disk.objects.set(name, after);
    const report = await reportOf(box);
    assert.equal(exitCodeOf(report), 6, name);
    assert.deepEqual(report.integrity.bad, [], `${name}: no entry that is left is accused`);
    box.disk.objects.set(name, before);
  }
  await assertVerifies(box);
});

test('nothing that was altered is pruned: it is evidence', async () => {
  const { box, recorder } = await filled();
  const bytes = box.disk.segments.get(256);
  assert.ok(bytes !== undefined);
  const at = bytes.indexOf('"i":300');
  bytes.write('"i":301', at);
  await assert.rejects(recorder.pruner.prune({ rule: { days: 4 } }, ASKED), { code: 'LOG_DAMAGED' });
  bytes.write('"i":300', at);
  assert.deepEqual(firsts(box)[0], 0);
  assert.ok(!entriesOf(box.disk).some(({ type }) => type === 'log.prune'));
  await recorder.pruner.prune({ rule: { days: 4 } }, ASKED);
  await recorder.close('end');
  await assertVerifies(box);
});

test('a rotation whose entry was pruned still leads from the first key to the newest', async () => {
  const { box, recorder } = await filled(300);
  await recorder.rotateKey({ type: 'key.rotate', phase: 'point' });
  await fill(box, recorder, 900);
  await recorder.pruner.prune({ rule: { days: 2 } }, ASKED);
  await recorder.close('end');
  assert.ok((firsts(box)[0] ?? 0) >= 512);
  await assertVerifies(box);
});

test('a prune that only the unsigned tail tells of is voided, and nothing is removed', async () => {
  const { box, recorder } = await filled(600);
  await recorder.close('end');
  const disk = { objects: new Map(box.disk.objects), heads: new Map(box.heads) };
  const again = await box.open({ segmentEntries: 256, payloads: {} });
  await again.record(
    {
      type: 'log.prune',
      phase: 'point',
      outcome: { status: 'started' },
      metadata: { from: 0, to: 256, carried: 'ab'.repeat(32) },
    },
    { surface: 'server', assurance: 'enforced' },
  );
  // The machine dies before a checkpoint: as if somebody had written the line.
  const segments = new Map([...box.disk.segments].map(([first, bytes]) => [first, Buffer.from(bytes)]));
  await again.close('end');
  box.disk.segments.clear();
  for (const [first, bytes] of segments) box.disk.segments.set(first, bytes);
  box.disk.objects.clear();
  for (const [name, bytes] of disk.objects) box.disk.objects.set(name, bytes);
  box.heads.clear();
  for (const [name, bytes] of disk.heads) box.heads.set(name, bytes);
  box.registry.clear();
  const third = await box.open({ segmentEntries: 256, payloads: {} });
  await third.close('end');
  assert.equal(firsts(box)[0], 0);
  await assertVerifies(box);
  const voided = entriesOf(box.disk).find(
    ({ type, outcome }) => type === 'log.prune' && outcome?.status === 'aborted',
  );
  assert.ok(voided !== undefined);
  box.disk.segments.delete(0);
  assert.equal(exitCodeOf(await reportOf(box)), 6, 'a voided prune excuses nothing');
});
