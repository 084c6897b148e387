import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Event } from '../../src/core/entry.ts';
import { createRedactor } from '../../src/core/redact/redact.ts';
import { parseCheckpoint } from '../../src/core/tlog/checkpoint.ts';
import { signerFromSkey, verifierFromVkey } from '../../src/core/tlog/key.ts';
import { readRotateEntry } from '../../src/core/tlog/key-history.ts';
import { parseNote } from '../../src/core/tlog/note.ts';
import type { Producer } from '../../src/recorder/api.ts';
import type { Rotated } from '../../src/recorder/keys.ts';
import { openMemoryStore } from '../../src/store/memory.ts';
import { entriesOf, type Machine, machine } from '../support/recorder.ts';
import { serve } from '../support/serve.ts';
import { assertVerifies } from '../support/verify.ts';

const PRODUCER: Producer = { surface: 'sdk', assurance: 'observed' };
const note = (i: number): Event => ({ type: 'step.note', phase: 'point', metadata: { i } });
const ROTATE: Event = {
  type: 'key.rotate',
  phase: 'point',
  actor: { user: { id: 'op' } },
  reason: 'a year is over',
};

const currentKey = (box: Machine): string => signerFromSkey(box.keyFiles.current ?? '').vkey;

test('a rotation ends with its entry, is signed by both keys, and another key signs from then on', async () => {
  const box = await machine();
  const recorder = await box.open();
  await Promise.all([0, 1, 2].map((i) => recorder.record(note(i), PRODUCER)));
  const rotated = await recorder.rotateKey(ROTATE);
  assert.equal(rotated.old, box.vkey);
  assert.notEqual(rotated.new, box.vkey);
  assert.equal(rotated.size, rotated.index + 1);
  assert.equal(recorder.vkey(), rotated.new);
  const entry = entriesOf(box.disk)[rotated.index];
  assert.deepEqual(
    [entry?.type, entry?.metadata, entry?.reason, entry?.source.surface, entry?.source.assurance],
    ['key.rotate', { old: rotated.old, new: rotated.new }, 'a year is over', 'server', 'enforced'],
  );
  const stored = box.disk.objects.get(`keys/${rotated.size}.note`);
  assert.deepEqual(box.heads.get(`local/keys/${rotated.size}.note`), stored);
  assert.deepEqual(box.disk.objects.get('checkpoint'), stored);
  assert.deepEqual(box.heads.get('local/checkpoint'), stored);
  assert.equal(currentKey(box), rotated.new);
  assert.equal(box.keyFiles.next, undefined);
  await assertVerifies(box);
  await recorder.record(note(3), PRODUCER);
  await recorder.close('test');
  await assertVerifies(box);
  assert.doesNotMatch(Buffer.from(box.disk.objects.get('checkpoint') ?? '').toString(), /\n— .*\n— /);
});

test('a log goes on after rotations, in a row and across starts', async () => {
  const box = await machine();
  let recorder = await box.open();
  const seen = [box.vkey];
  for (let i = 0; i < 4; i++) {
    const { old, new: now } = await recorder.rotateKey(ROTATE);
    assert.equal(old, seen.at(-1));
    seen.push(now);
    if (i % 2 === 0) continue;
    await recorder.close('test');
    await assertVerifies(box);
    recorder = await box.open();
    assert.equal(recorder.vkey(), now);
  }
  await recorder.close('test');
  assert.equal(new Set(seen).size, 5);
  await assertVerifies(box);
});

test('a rotation that ends a tile, and one that begins a segment, hold', async () => {
  for (const size of [256, 257, 512, 513]) {
    const box = await machine();
    const recorder = await box.open({ segmentEntries: 256 });
    while (recorder.size() < size - 1) await recorder.record(note(recorder.size()), PRODUCER);
    assert.equal((await recorder.rotateKey(ROTATE)).size, size);
    await assertVerifies(box);
    for (let i = 0; i < 600; i++) void recorder.record(note(i), PRODUCER).catch(() => undefined);
    await recorder.rotateKey(ROTATE);
    await recorder.sealed();
    const sealed = (await openMemoryStore(box.disk).segments()).filter((segment) => segment.sealed);
    assert.ok(sealed.length > 0, 'a rotation lies in a sealed segment');
    await recorder.close('test');
    await assertVerifies(box);
    const again = await box.open({ segmentEntries: 256 });
    await again.rotateKey(ROTATE);
    await again.close('test');
    await assertVerifies(box);
  }
});

test('while 64 appenders run, no entry is lost or out of order, and nothing above the rotation is signed before it', async () => {
  const box = await machine();
  const signed: Uint8Array[] = [];
  const recorder = await box.open({
    wrap: (store) => ({
      ...store,
      objects: {
        ...store.objects,
        put(name, bytes, options) {
          if (name === 'checkpoint') signed.push(new Uint8Array(bytes));
          return store.objects.put(name, bytes, options);
        },
      },
    }),
  });
  let running = true;
  const acknowledged: { readonly id: string; readonly index: number }[] = [];
  const appenders = Array.from({ length: 64 }, async (_, who) => {
    let before = -1;
    for (let i = 0; running; i++) {
      const { id, index } = await recorder.record(
        { type: 'step.note', phase: 'point', metadata: { who, i } },
        PRODUCER,
      );
      assert.ok(index > before, 'an appender was overtaken by itself');
      before = index;
      acknowledged.push({ id, index });
    }
  });
  const rotations: Rotated[] = [];
  for (let i = 0; i < 5; i++) {
    await new Promise((resolve) => setTimeout(resolve, 40));
    rotations.push(await recorder.rotateKey(ROTATE));
  }
  // Two at once come one after the other.
  const both = await Promise.all([recorder.rotateKey(ROTATE), recorder.rotateKey(ROTATE)]);
  assert.equal(both[0]?.new, both[1]?.old);
  running = false;
  await Promise.all(appenders);
  await recorder.close('test');
  const entries = entriesOf(box.disk);
  for (const { id, index } of acknowledged) assert.equal(entries[index]?.id, id);
  for (const { size, old } of rotations) {
    assert.equal(entries[size - 1]?.type, 'key.rotate');
    const { keyId } = verifierFromVkey(old);
    for (const { text, signatures } of signed.map(parseNote)) {
      const above = parseCheckpoint(text).size > size;
      assert.ok(!above || signatures.every((line) => line.keyId !== keyId), 'a retired key signed');
    }
  }
  assert.ok(signed.length > rotations.length);
  assert.ok(acknowledged.length > 200);
  await assertVerifies(box);
});

test('a rotation that cannot begin changes nothing', async () => {
  const box = await machine();
  const redactor = createRedactor();
  const recorder = await box.open({ redactor });
  // A secret that is part of the key's own text: the entry could not name it.
  redactor.setSecret('UNLUCKY', box.vkey.slice(-12));
  await assert.rejects(recorder.rotateKey(ROTATE), { code: 'BAD_CONFIG' });
  redactor.deleteSecret('UNLUCKY');
  assert.deepEqual([recorder.vkey(), box.keyFiles.next], [box.vkey, undefined]);
  await recorder.close('test');
  await assert.rejects(recorder.rotateKey(ROTATE), { code: 'LOG_CLOSED' });
  assert.equal(box.keyFiles.next, undefined);
  await assertVerifies(box);
  const full = await box.open({
    wrapKeyFiles: (files) => ({ ...files, prepare: () => Promise.reject(new Error('disk full')) }),
  });
  await assert.rejects(full.rotateKey(ROTATE), /disk full/);
  await full.record(note(1), PRODUCER);
  await full.close('test');
  assert.equal(currentKey(box), box.vkey);
  await assertVerifies(box);
});

test('an old key that cannot be erased is told, and erased by the next start or the next rotation', async () => {
  const box = await machine();
  let broken = true;
  const wrapKeyFiles: NonNullable<Parameters<Machine['open']>[0]>['wrapKeyFiles'] = (files) => ({
    ...files,
    promote: () => (broken ? Promise.reject(new Error('read-only')) : files.promote()),
  });
  let recorder = await box.open({ wrapKeyFiles });
  const first = await recorder.rotateKey(ROTATE);
  assert.equal(first.notErased, 'read-only');
  assert.equal(currentKey(box), box.vkey);
  await assert.rejects(recorder.rotateKey(ROTATE), /read-only/);
  await recorder.close('test');
  recorder = await box.open({ wrapKeyFiles });
  assert.deepEqual([recorder.vkey(), recorder.notErased()], [first.new, 'read-only']);
  broken = false;
  const second = await recorder.rotateKey(ROTATE);
  assert.deepEqual([second.old, second.notErased], [first.new, undefined]);
  await recorder.close('test');
  assert.equal(currentKey(box), second.new);
  await assertVerifies(box);
});

test('clients can ask for a rotation as the operator, and can write no entry that binds a key', async () => {
  const { box, recorder, handle } = await serve(await machine(), { protected: true, token: 'op' });
  const client = { surface: 'cli', user: 'someone' } as const;
  const event = {
    type: 'key.rotate',
    phase: 'point',
    metadata: { old: box.vkey, new: box.vkey },
    source: { surface: 'server', assurance: 'enforced' },
  };
  await assert.rejects(handle('record', { event }, client), { code: 'BAD_EVENT' });
  // Whatever else a client may write says where it came from.
  const { source: _ignored, ...plain } = event;
  const { index } = await handle('record', { event: { ...plain, type: 'step.note' } }, client);
  assert.equal(typeof readRotateEntry(lineAt(box, index)), 'string');
  await assert.rejects(handle('key.rotate', {}, client), { code: 'OPERATOR_REQUIRED' });
  const agent = { ...client, operator_token: 'op', detected: { agent: 'x', signals: [] } };
  await assert.rejects(handle('key.rotate', {}, agent), { code: 'OPERATOR_REQUIRED' });
  assert.equal(recorder.vkey(), box.vkey);
  const refused = entriesOf(box.disk).filter(({ type }) => type === 'key.rotate');
  assert.deepEqual(
    refused.map(({ decision }) => decision?.outcome),
    ['stop', 'stop'],
  );
  for (const entry of refused) assert.equal(typeof readRotateEntry(lineAt(box, entry.index)), 'string');

  const done = await handle('key.rotate', { reason: 'yearly' }, { ...client, operator_token: 'op' });
  assert.equal((await handle('status', {}, client)).vkey, done.new);
  const entry = entriesOf(box.disk)[done.index];
  assert.deepEqual(
    [entry?.actor?.user?.id, entry?.reason, entry?.metadata?.through],
    ['someone', 'yearly', 'cli'],
  );
  await recorder.close('test');
  await assertVerifies(box);
});

function lineAt(box: Machine, index: number): Uint8Array {
  return Buffer.from(box.disk.segments.get(0)?.toString('utf8').split('\n')[index] ?? '');
}
