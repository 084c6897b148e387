import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import type { Event } from '../../src/core/entry.ts';
import { TallyError } from '../../src/core/error.ts';
import { LIMITS } from '../../src/core/limits.ts';
import type { LogStore } from '../../src/core/ports.ts';
import type { Producer } from '../../src/recorder/api.ts';
import type { LocalRecorder } from '../../src/recorder/recorder.ts';
import { createSealer } from '../../src/recorder/sealer.ts';
import { openFileStore } from '../../src/store/file/store.ts';
import { faultyStore } from '../support/faulty.ts';
import { entriesOf, type Machine, machine } from '../support/recorder.ts';
import { alter, sealedPath, tableOf } from '../support/sealed.ts';
import { assertVerifies } from '../support/verify.ts';

const PRODUCER: Producer = { surface: 'sdk', assurance: 'observed' };
const note: Event = { type: 'step.note', phase: 'point' };
const segmentEntries = 256;

const made: string[] = [];
after(() => Promise.all(made.map((path) => rm(path, { recursive: true, force: true }))));

async function fill(recorder: LocalRecorder, size: number): Promise<void> {
  await Promise.all(Array.from({ length: size - recorder.size() }, () => recorder.record(note, PRODUCER)));
  await recorder.checkpoint();
}

const sealedIn = (box: Machine): readonly number[] => [...box.disk.sealed].sort((a, b) => a - b);

/** A log on disk: its segments are files, the rest is memory. */
async function fileMachine() {
  const directory = await mkdtemp(join(tmpdir(), 'tally-sealer-'));
  made.push(directory);
  const box = await machine();
  const files = await openFileStore(directory);
  const wrap = (store: LogStore): LogStore => ({ ...files, objects: store.objects });
  return { box, directory, files, wrap };
}

describe('sealing in the background', () => {
  it('begins when a checkpoint covers an entry of a later segment, and not before', async () => {
    const box = await machine();
    const recorder = await box.open({ segmentEntries });
    await fill(recorder, 256);
    await recorder.sealed();
    assert.deepEqual(sealedIn(box), []);
    await fill(recorder, 257);
    await recorder.sealed();
    assert.deepEqual(sealedIn(box), [0]);
    await fill(recorder, 1300);
    await recorder.sealed();
    assert.deepEqual(sealedIn(box), [0, 256, 512, 768, 1024]);
    assert.equal(recorder.sealFailure(), undefined);
    await recorder.close('test');
    await assertVerifies(box);
  });

  it('makes up at the next start for what was left plain', async () => {
    const box = await machine();
    const never = (store: LogStore): LogStore => ({
      ...store,
      seal: (_first, signal) =>
        new Promise((_resolve, reject) => signal?.addEventListener('abort', () => reject(signal.reason))),
    });
    let recorder = await box.open({ segmentEntries, wrap: never });
    await fill(recorder, 1000);
    // A seal is under way: closing ends it and does not wait for it.
    await recorder.close('test');
    assert.deepEqual(sealedIn(box), []);
    recorder = await box.open({ segmentEntries });
    await recorder.sealed();
    assert.deepEqual(sealedIn(box), [0, 256, 512]);
    await recorder.close('test');
    await assertVerifies(box);
  });

  it('goes on recording when it fails, says so, and tries again when the next segment begins', async () => {
    const box = await machine();
    const warnings: string[] = [];
    let full = true;
    let attempts = 0;
    const recorder = await box.open({
      segmentEntries,
      onWarning: (text) => warnings.push(text),
      wrap: (store) => ({
        ...store,
        async seal(first, signal) {
          attempts++;
          if (full) throw new TallyError('LOG_FULL', 'no space left');
          return store.seal(first, signal);
        },
      }),
    });
    await fill(recorder, 400);
    await recorder.sealed();
    assert.equal(recorder.sealFailure()?.code, 'LOG_FULL');
    assert.match(warnings.join('\n'), /no space left; recording goes on/);
    // Checkpoints alone do not make it try again.
    const before = attempts;
    await fill(recorder, 410);
    await fill(recorder, 420);
    assert.equal(attempts, before);
    full = false;
    await fill(recorder, 600);
    await recorder.sealed();
    assert.deepEqual(sealedIn(box), [0, 256]);
    assert.equal(recorder.sealFailure(), undefined);
    assert.equal(recorder.failure(), undefined);
    await recorder.close('test');
    await assertVerifies(box);
  });

  it('passes over a segment that is damaged, and keeps saying so', async () => {
    const box = await machine();
    const recorder = await box.open({
      segmentEntries,
      wrap: (store) => ({
        ...store,
        seal: async (first, signal) =>
          first === 256
            ? Promise.reject(new TallyError('LOG_DAMAGED', 'no multiple of 256'))
            : store.seal(first, signal),
      }),
    });
    await fill(recorder, 1300);
    await recorder.sealed();
    assert.deepEqual(sealedIn(box), [0, 512, 768, 1024]);
    assert.equal(recorder.sealFailure()?.code, 'LOG_DAMAGED');
    await recorder.close('test');
  });

  it('killed at any seal, whether done or not, loses nothing and goes on at the next start', async () => {
    for (const fault of ['write lost', 'reply lost'] as const) {
      for (let occurrence = 0; occurrence < 3; occurrence++) {
        const box = await machine();
        const recorder = await box.open({
          segmentEntries,
          wrap: (store) => faultyStore(store, { step: 'seal', occurrence, fault }),
        });
        await fill(recorder, 1100).catch(() => undefined);
        await recorder.sealed();
        await recorder.close('test').catch(() => undefined);
        const again = await box.open({ segmentEntries });
        await again.record(note, PRODUCER);
        await again.sealed();
        assert.deepEqual(sealedIn(box).slice(0, 3), [0, 256, 512]);
        await again.close('test');
        await assertVerifies(box);
      }
    }
  });

  it('does not begin behind a start that failed: another process may hold the lock by then', async () => {
    const box = await machine();
    const first = await box.open({
      segmentEntries,
      wrap: (store) => ({ ...store, seal: () => Promise.reject(new TallyError('LOG_FULL', 'full')) }),
    });
    await fill(first, 600);
    await first.close('test');
    let seals = 0;
    const wrap = (store: LogStore): LogStore => ({
      ...faultyStore(store, { step: 'append', occurrence: 0, fault: 'write lost' }),
      seal: async () => void seals++,
    });
    await assert.rejects(box.open({ segmentEntries, wrap }));
    await new Promise((resolve) => setTimeout(resolve, LIMITS.sealAfterStartMs + 100));
    assert.equal(seals, 0);
  });

  it('of one segment is over before that of the next begins', async () => {
    let under = 0;
    const order: number[] = [];
    const sealer = createSealer({
      store: {
        async seal(first) {
          assert.equal(under++, 0);
          await new Promise((resolve) => setTimeout(resolve, 2));
          order.push(first);
          under--;
        },
      },
      plain: [0, 256, 512, 768],
      signed: 800,
      onFailure: assert.ifError,
    });
    sealer.signed(801);
    sealer.entered(1024);
    sealer.signed(1025);
    await sealer.idle();
    assert.deepEqual(order, [0, 256, 512, 768]);
    await sealer.stop();
  });
});

describe('a log whose segments are sealed on disk', () => {
  it('goes on in a new segment when the last one was sealed', async () => {
    const { box, directory, files, wrap } = await fileMachine();
    let recorder = await box.open({ segmentEntries, wrap });
    // log.close is entry 511, the last of its segment.
    await fill(recorder, 511);
    await recorder.close('test');
    await files.seal(256);
    recorder = await box.open({ segmentEntries, wrap });
    await fill(recorder, 600);
    await recorder.sealed();
    await recorder.close('test');
    assert.deepEqual((await readdir(join(directory, 'entries'))).sort(), [
      '000000000000.jsonl.zst',
      '000000000256.jsonl.zst',
      '000000000512.jsonl',
    ]);
    const segments = await files.segments();
    for (const { first } of segments) {
      const blocks: Buffer[] = [];
      for await (const block of files.read(first)) blocks.push(Buffer.from(block));
      box.disk.segments.set(first, Buffer.concat(blocks));
    }
    assert.deepEqual(
      entriesOf(box.disk).map(({ index }) => index),
      Array.from({ length: recorder.size() }, (_, i) => i),
    );
    await assertVerifies(box);
  });

  it('is refused at a start that needs a damaged one, with nothing written, and opens where it is not needed', async () => {
    const { box, directory, files, wrap } = await fileMachine();
    let recorder = await box.open({ segmentEntries, wrap });
    await fill(recorder, 511);
    await recorder.close('test');
    await recorder.sealed();
    await files.seal(0);
    const { frames } = await tableOf(sealedPath(directory, 0));
    const flip = (first: number) =>
      alter(sealedPath(directory, first), (bytes) => {
        const at = (frames[0]?.at ?? 0) + 60;
        bytes[at] = (bytes[at] ?? 0) ^ 1;
        return bytes;
      });
    await flip(0);
    recorder = await box.open({ segmentEntries, wrap });
    await recorder.close('test');
    // What was known by heart is gone, so the whole log has to be read.
    const registry = new Map(box.registry);
    box.registry.clear();
    await assert.rejects(box.open({ segmentEntries, wrap }), { code: 'LOG_DAMAGED' });
    for (const [name, bytes] of registry) box.registry.set(name, bytes);
    // Its tail is sealed and damaged.
    recorder = await box.open({ segmentEntries, wrap });
    await fill(recorder, 767);
    await recorder.close('test');
    await files.seal(512);
    await flip(512);
    const before = await readdir(join(directory, 'entries'));
    const objects = new Map(box.disk.objects);
    await assert.rejects(box.open({ segmentEntries, wrap }), { code: 'LOG_DAMAGED' });
    assert.deepEqual(await readdir(join(directory, 'entries')), before);
    assert.deepEqual(box.disk.objects, objects);
  });
});
