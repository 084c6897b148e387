/** What somebody with the disk and without the key can make of prunes: none of it excuses what is missing. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeBase64 } from '../../src/core/bytes.ts';
import type { Event } from '../../src/core/entry.ts';
import { openCheckpoint } from '../../src/core/tlog/checkpoint.ts';
import { verifierFromVkey } from '../../src/core/tlog/key.ts';
import { leafHash } from '../../src/core/tlog/tree.ts';
import { exitCodeOf } from '../../src/core/tlog/verify-report.ts';
import type { Producer } from '../../src/recorder/api.ts';
import { openMemoryStore } from '../../src/store/memory.ts';
import { entriesOf, type Machine, machine } from '../support/recorder.ts';
import { assertVerifies, reportOf } from '../support/verify.ts';

const PRODUCER: Producer = { surface: 'sdk', assurance: 'observed' };
const DAY = 86_400_000;
const ASKED: Event = { type: 'log.prune', phase: 'point', actor: { user: { id: 'ann' } } };
const OPEN = { segmentEntries: 256, payloads: {} } as const;

/** Dies when the checkpoint over its `started` entry is due; the next start voids that prune. */
async function voided(): Promise<{ readonly box: Machine; readonly id: string }> {
  const box = await machine();
  let armed = false;
  const recorder = await box.open({
    ...OPEN,
    wrap: (store) => ({
      ...store,
      objects: {
        ...store.objects,
        put(name, bytes, options) {
          const begun = armed && entriesOf(box.disk).some(({ type }) => type === 'log.prune');
          if (begun && name === 'checkpoint') throw new Error('the machine is gone');
          return store.objects.put(name, bytes, options);
        },
      },
    }),
  });
  for (let i = 0; i < 700; i++) {
    if (i % 128 === 0) box.clock.ms += DAY;
    await recorder.record({ type: 'step.note', phase: 'point', metadata: { i } }, PRODUCER);
  }
  armed = true;
  await recorder.pruner.prune({ rule: { days: 2 } }, ASKED).catch(() => undefined);
  await recorder.close('killed').catch(() => undefined);
  const again = await box.open(OPEN);
  await again.close('end');
  await assertVerifies(box);
  const notes = entriesOf(box.disk).filter(({ type }) => type === 'log.prune');
  assert.deepEqual(
    notes.map(({ outcome }) => outcome?.status),
    ['started', 'aborted'],
  );
  return { box, id: notes[0]?.id ?? '' };
}

/** A line behind the last one, in its chain, as the recorder would have written it. */
function append(box: Machine, text: (index: number, prev: string) => string): void {
  const last = Math.max(...box.disk.segments.keys());
  const bytes = box.disk.segments.get(last) ?? Buffer.alloc(0);
  const line = bytes.subarray(bytes.lastIndexOf(0x0a, bytes.length - 2) + 1, -1);
  const index = (JSON.parse(line.toString()) as { index: number }).index + 1;
  const made = text(index, encodeBase64(leafHash(line)));
  box.disk.segments.set(last, Buffer.concat([bytes, Buffer.from(`${made}\n`)]));
}

test('an `ok` in the unsigned tail brings no voided prune back', async () => {
  const { box, id } = await voided();
  const model = entriesOf(box.disk).find(({ outcome }) => outcome?.status === 'aborted');
  append(box, (index, prev) =>
    JSON.stringify({ ...model, index, prev, parent_id: id, outcome: { status: 'ok' } }),
  );
  const note = await openMemoryStore(box.disk).objects.get('checkpoint');
  const { size } = openCheckpoint(note ?? new Uint8Array(0), [verifierFromVkey(box.vkey)]);
  await assertVerifies(box);
  box.disk.segments.delete(0);
  const report = await reportOf(box);
  assert.equal(report.size, size);
  assert.equal(exitCodeOf(report), 6, JSON.stringify(report));
  assert.deepEqual(report.integrity.missing, [{ from: 0, to: 256 }]);
  await assert.rejects(box.open(OPEN), { code: 'LOG_DAMAGED' });
});

test('an `ok` in the unsigned tail does not keep what a signed prune was about to remove', async () => {
  const box = await machine();
  const recorder = await box.open({
    ...OPEN,
    wrap: (store) => ({
      ...store,
      async removeBefore() {
        throw new Error('the machine is gone');
      },
    }),
  });
  for (let i = 0; i < 700; i++) {
    if (i % 128 === 0) box.clock.ms += DAY;
    await recorder.record({ type: 'step.note', phase: 'point', metadata: { i } }, PRODUCER);
  }
  await assert.rejects(recorder.pruner.prune({ rule: { days: 2 } }, ASKED));
  await recorder.close('killed').catch(() => undefined);
  assert.ok(box.disk.segments.has(0));
  const begun = entriesOf(box.disk).find(({ type }) => type === 'log.prune');
  append(box, (index, prev) =>
    JSON.stringify({
      ...begun,
      id: `log_${'Z'.repeat(26)}`,
      index,
      prev,
      parent_id: begun?.id,
      outcome: { status: 'ok' },
    }),
  );
  const again = await box.open(OPEN);
  await again.pruner.resume();
  await again.close('end');
  assert.ok(!box.disk.segments.has(0), 'the first segment is still there');
  await assertVerifies(box);
});
