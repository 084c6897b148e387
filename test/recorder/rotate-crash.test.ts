/** A rotation that is cut short at any write, of the log, of what is remembered outside, or of the key files. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Event } from '../../src/core/entry.ts';
import type { LogStore, ObjectStore } from '../../src/core/ports.ts';
import { signerFromSkey } from '../../src/core/tlog/key.ts';
import type { Producer } from '../../src/recorder/api.ts';
import type { KeyFiles } from '../../src/recorder/keys.ts';
import type { LocalRecorder } from '../../src/recorder/recorder.ts';
import { memoryObjects } from '../../src/store/memory.ts';
import { INJECTED } from '../support/faulty.ts';
import type { MemoryKeys } from '../support/key-files.ts';
import { entriesOf, type Machine, machine } from '../support/recorder.ts';
import { assertVerifies } from '../support/verify.ts';

const PRODUCER: Producer = { surface: 'sdk', assurance: 'observed' };
const note = (i: number): Event => ({ type: 'step.note', phase: 'point', metadata: { i } });
const ROTATE: Event = { type: 'key.rotate', phase: 'point' };

type Fault = 'write lost' | 'reply lost';

interface Mortal {
  /** Steps count from here on. */
  arm(): void;
  /** The step that was hit, or undefined. */
  hit(): string | undefined;
  readonly store: (store: LogStore) => LogStore;
  readonly heads: (heads: ObjectStore) => ObjectStore;
  readonly files: (keys: MemoryKeys) => (files: KeyFiles) => KeyFiles;
}

/** The process dies at the n-th write to anything durable; what comes after it does not happen. */
function mortal(occurrence: number, fault: Fault): Mortal {
  let armed = false;
  let seen = 0;
  let hit: string | undefined;

  async function run<T>(step: string, act: () => Promise<T>): Promise<T> {
    if (hit !== undefined) throw new Error(INJECTED);
    if (!armed || seen++ !== occurrence) return act();
    hit = step;
    if (fault === 'reply lost') await act();
    throw new Error(INJECTED);
  }

  const objects = (where: string, inner: ObjectStore): ObjectStore => ({
    ...inner,
    put: (name, bytes, options) => run(`${where} ${name}`, () => inner.put(name, bytes, options)),
    putMany: (many, options) => run(`${where} ${many.length} objects`, () => inner.putMany(many, options)),
  });
  return {
    arm() {
      armed = true;
    },
    hit: () => hit,
    store: (store) => ({
      ...store,
      openSegment: (first) => run('segment', () => store.openSegment(first)),
      append: (bytes) => run('append', () => store.append(bytes)),
      objects: objects('log', store.objects),
    }),
    heads: (heads) => objects('heads', heads),
    files: (keys) => (files) => ({
      next: files.next,
      prepare: (origin) => run('key prepared', () => files.prepare(origin)),
      discard: () => run('key discarded', files.discard),
      async promote() {
        await run('old key overwritten', async () => {
          keys.current = '';
        });
        await run('key renamed', files.promote);
      },
    }),
  };
}

async function openMortal(box: Machine, life: Mortal): Promise<LocalRecorder> {
  return box.open({
    wrap: life.store,
    heads: life.heads(memoryObjects(box.heads)),
    wrapKeyFiles: life.files(box.keyFiles),
  });
}

/** Records, rotates and records; dies somewhere in it. What was acknowledged. */
async function rotateUntilItDies(box: Machine, life: Mortal): Promise<{ id: string; index: number }[]> {
  const recorder = await openMortal(box, life);
  const acknowledged = [await recorder.record(note(0), PRODUCER)];
  await recorder.checkpoint();
  life.arm();
  const rotated = recorder.rotateKey(ROTATE);
  const during = [1, 2, 3].map((i) => recorder.record(note(i), PRODUCER));
  for (const result of await Promise.allSettled([...during, rotated]))
    if (result.status === 'fulfilled') acknowledged.push(result.value);
  await recorder.record(note(4), PRODUCER).then(
    (receipt) => acknowledged.push(receipt),
    () => undefined,
  );
  await recorder.close('test').catch(() => undefined);
  return acknowledged;
}

/** After the crash, and after the next start, the log verifies; the next start signs with a key that is bound. */
async function assertLives(
  box: Machine,
  acknowledged: readonly { id: string; index: number }[],
  what: string,
) {
  const recorder = await box.open();
  for (const { id, index } of acknowledged) assert.equal(entriesOf(box.disk)[index]?.id, id, what);
  const signs = recorder.vkey();
  assert.equal(signerFromSkey(box.keyFiles.current ?? '').vkey, signs, `${what}: the key on the disk`);
  assert.equal(box.keyFiles.next, undefined, `${what}: a private key is left over`);
  await recorder.record(note(9), PRODUCER);
  await recorder.checkpoint();
  await assertVerifies(box);
  const { old } = await recorder.rotateKey(ROTATE);
  assert.equal(old, signs);
  await recorder.close('test');
  await assertVerifies(box);
}

const EXPECTED = [
  'key prepared',
  'append',
  'log keys/N.note',
  'heads local/keys/N.note',
  'log log.json',
  'log checkpoint',
  'heads local/checkpoint',
  'old key overwritten',
  'key renamed',
];

for (const fault of ['write lost', 'reply lost'] as const) {
  test(`a rotation whose every write is once the last one (${fault}) is completed, or has not begun`, async () => {
    const hits: string[] = [];
    for (let occurrence = 0; ; occurrence++) {
      const box = await machine();
      const life = mortal(occurrence, fault);
      const acknowledged = await rotateUntilItDies(box, life);
      const hit = life.hit();
      const what = `${fault} at ${occurrence} (${hit})`;
      await assertVerifies(box);
      const before = entriesOf(box.disk).findIndex(({ type }) => type === 'key.rotate');
      await assertLives(box, acknowledged, what);
      // An entry that is durable is a rotation that is completed.
      if (before >= 0) assert.ok(box.disk.objects.has(`keys/${before + 1}.note`), what);
      if (hit === undefined) break;
      hits.push(hit.replace(/\d+(?=\.note)/, 'N'));
    }
    for (const step of EXPECTED) assert.ok(hits.includes(step), `${step} was not tried: ${hits.join(', ')}`);
    const order = hits.filter(
      (step) => step.includes('note') || step.includes('key') || step.includes('json'),
    );
    assert.deepEqual(
      order,
      EXPECTED.filter((step) => order.includes(step)),
    );
  });

  test(`the completion of a rotation can be cut short too (${fault}), as often as it likes`, async () => {
    for (let occurrence = 0; occurrence < EXPECTED.length; occurrence++) {
      for (let again = 0; ; again++) {
        const box = await machine();
        const acknowledged = await rotateUntilItDies(box, mortal(occurrence, fault));
        const second = mortal(again, fault);
        second.arm();
        await openMortal(box, second).then(
          (recorder) => recorder.close('test').catch(() => undefined),
          () => undefined,
        );
        await assertVerifies(box);
        await assertLives(box, acknowledged, `${fault} at ${occurrence}, then at ${again} (${second.hit()})`);
        if (second.hit() === undefined) break;
      }
    }
  });
}

test('a rotation whose prepared key was lost before its note stays visible, and the old key goes on', async () => {
  const box = await machine();
  const life = mortal(2, 'write lost');
  await rotateUntilItDies(box, life);
  assert.match(life.hit() ?? '', /^log keys\//);
  delete box.keyFiles.next;
  const begun = entriesOf(box.disk).findIndex(({ type }) => type === 'key.rotate');
  const recorder = await box.open();
  assert.equal(recorder.vkey(), box.vkey);
  await recorder.close('test');
  const opened = entriesOf(box.disk).findLast(({ type }) => type === 'log.open');
  assert.equal(opened?.metadata?.rotation_not_completed, begun);
  await assertVerifies(box);
  const again = await box.open();
  await again.rotateKey(ROTATE);
  await again.close('test');
  await assertVerifies(box);
});

test('a start refuses a log whose new key is bound and not on this machine', async () => {
  const box = await machine();
  await rotateUntilItDies(box, mortal(3, 'write lost'));
  assert.ok([...box.disk.objects.keys()].some((name) => name.startsWith('keys/')));
  delete box.keyFiles.next;
  const before = new Map(box.disk.objects);
  await assert.rejects(box.open(), { code: 'LOG_DAMAGED' });
  assert.deepEqual(box.disk.objects, before);
});
