import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Event } from '../../src/core/entry.ts';
import { LIMITS } from '../../src/core/limits.ts';
import type { LogStore } from '../../src/core/ports.ts';
import type { Producer } from '../../src/recorder/api.ts';
import { loadProjection } from '../../src/recorder/registry.ts';
import { memoryObjects, openMemoryStore } from '../../src/store/memory.ts';
import { entriesOf, type Machine, machine } from '../support/recorder.ts';
import { assertVerifies } from '../support/verify.ts';

const PRODUCER: Producer = { surface: 'sdk', assurance: 'observed' };
const note: Event = { type: 'step.note', phase: 'point' };
const pre: Event = { type: 'tool.call', phase: 'pre_exec', action: { name: 'x' } };
const post = (parent_id: string): Event => ({
  type: 'tool.call',
  phase: 'post_exec',
  parent_id,
  outcome: { status: 'ok' },
});

/** What is folded from the log of `box`, with the snapshot that lies there or without any. */
async function folded(box: Machine, withSnapshot: boolean) {
  const objects = withSnapshot ? box.registry : new Map<string, Uint8Array>();
  const store = openMemoryStore(box.disk);
  const size = entriesOf(box.disk).length;
  const projection = await loadProjection(memoryObjects(objects), 'local.json', store);
  await projection.begin(size);
  const { registry, open, saved } = await projection.finish(size);
  return { registry: { ...registry.current(), size: 0 }, open, saved };
}

describe('what the recorder knows by heart', () => {
  it('is the same with a snapshot as from the whole log, wherever actions began and ended', async () => {
    const step = fc.oneof(
      { arbitrary: fc.record({ kind: fc.constant('pre' as const) }), weight: 3 },
      { arbitrary: fc.record({ kind: fc.constant('post' as const), which: fc.nat(30) }), weight: 2 },
      { arbitrary: fc.record({ kind: fc.constant('note' as const) }), weight: 2 },
      {
        arbitrary: fc.record({ kind: fc.constantFrom('save', 'close', 'restart') }),
        weight: 1,
      },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const box = await machine();
        const open = () => box.open({ segmentEntries: 256, orphanGraceMs: 60_000 });
        let recorder = await open();
        let ids: string[] = [];
        for (const each of steps) {
          if (each.kind === 'pre') ids.push((await recorder.record(pre, PRODUCER)).id);
          else if (each.kind === 'post') {
            const [id] = ids.splice(
              each.kind === 'post' && 'which' in each ? each.which % (ids.length || 1) : 0,
              1,
            );
            if (id !== undefined) await recorder.record(post(id), PRODUCER);
          } else if (each.kind === 'note') await recorder.record(note, PRODUCER);
          else {
            await recorder.checkpoint();
            if (each.kind === 'save') {
              const indices = entriesOf(box.disk).flatMap(({ id, index }) =>
                ids.includes(id) ? [index] : [],
              );
              box.registry.set('local.json', recorder.registry.snapshot(recorder.size(), indices));
            } else {
              if (each.kind === 'close') {
                await recorder.close('test');
                ids = [];
              }
              // Otherwise it is left as a killed one leaves it: everything is signed, nothing is under way.
              recorder = await open();
            }
          }
        }
        await recorder.checkpoint();
        const [a, b] = [await folded(box, true), await folded(box, false)];
        assert.deepEqual(a.open, b.open);
        assert.deepEqual(a.registry, b.registry);
        assert.deepEqual(a.open.map(({ id }) => id).sort(), ids.sort());
        await recorder.close('test');
        await assertVerifies(box);
      }),
      { numRuns: 40 },
    );
  });

  it('is saved while recording, so that a start after a crash reads what came since and not the whole log', async () => {
    const box = await machine();
    const segmentEntries = 1024;
    let recorder = await box.open({ segmentEntries });
    const { id, index } = await recorder.record(pre, PRODUCER);
    const total = LIMITS.snapshotEntries * 3;
    while (recorder.size() < total) {
      await Promise.all(Array.from({ length: 512 }, () => recorder.record(note, PRODUCER)));
      await recorder.checkpoint();
    }
    const read = new Set<number>();
    const watched = (store: LogStore): LogStore => ({
      ...store,
      read(first, ...rest) {
        read.add(first);
        return store.read(first, ...rest);
      },
    });
    recorder = await box.open({ segmentEntries, wrap: watched, orphanGraceMs: 60_000 });
    // The open action is read from its own place.
    assert.ok(read.delete(0));
    assert.ok(index < segmentEntries);
    assert.ok(Math.min(...read) >= total - 2 * LIMITS.snapshotEntries, [...read].join());
    assert.equal(recorder.openActions(), 1);
    await recorder.record(post(id), PRODUCER);
    assert.equal(recorder.openActions(), 0);
    await recorder.close('test');
    await assertVerifies(box);
  });

  it('reads each frame of the log once, however many actions are open in it', async () => {
    const box = await machine();
    const segmentEntries = 1024;
    let recorder = await box.open({ segmentEntries, orphanGraceMs: 60_000 });
    const open: string[] = [];
    while (recorder.size() < LIMITS.snapshotEntries * 2 + segmentEntries) {
      const told = await Promise.all(
        Array.from({ length: 512 }, (_, i) => recorder.record(i % 4 === 0 ? pre : note, PRODUCER)),
      );
      open.push(...told.flatMap(({ id }, i) => (i % 4 === 0 ? [id] : [])));
      await recorder.checkpoint();
    }
    let reads = 0;
    const watched = (store: LogStore): LogStore => ({
      ...store,
      read(...args) {
        reads++;
        return store.read(...args);
      },
    });
    recorder = await box.open({ segmentEntries, wrap: watched, orphanGraceMs: 60_000 });
    assert.equal(recorder.openActions(), open.length);
    // Each frame of a sealed segment once, and the tail.
    const frames = Math.ceil(recorder.size() / LIMITS.tileWidth);
    assert.ok(reads <= frames + 4, `${reads} reads of ${frames} frames`);
    assert.ok(open.length > 10 * frames);
    await recorder.close('test');
    await assertVerifies(box);
  });

  it('is folded from the whole log when the snapshot is of more entries than there are, or is damaged', async () => {
    const box = await machine();
    let recorder = await box.open();
    const { id } = await recorder.record(pre, PRODUCER);
    await recorder.checkpoint();
    const ahead = recorder.registry.snapshot(recorder.size() + 5, []);
    for (const bytes of [ahead, Buffer.from('{"format":1}'), Buffer.from('not JSON'), Buffer.alloc(0)]) {
      box.registry.set('local.json', bytes);
      recorder = await box.open({ orphanGraceMs: 60_000 });
      assert.equal(recorder.openActions(), 1);
      await recorder.checkpoint();
    }
    await recorder.record(post(id), PRODUCER);
    await recorder.close('test');
    await assertVerifies(box);
  });

  it('does not take what an event says inside of it for what the event is', async () => {
    const box = await machine();
    const recorder = await box.open();
    await recorder.record({ ...pre, risk: { phase: 'point', note: '"phase":"post_exec"' } }, PRODUCER);
    await recorder.record({ ...note, metadata: { phase: 'pre_exec', id: 'log_x' } }, PRODUCER);
    await recorder.record({ ...note, risk: { phase: 'post_exec', parent_id: 'log_x' } }, PRODUCER);
    await recorder.checkpoint();
    const { open } = await folded(box, false);
    assert.equal(open.length, 1);
    await recorder.close('test');
  });
});
