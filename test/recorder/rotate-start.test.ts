/** What a start makes of keys that somebody changed while no recorder ran. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Event } from '../../src/core/entry.ts';
import { encodeLogInfo } from '../../src/core/loginfo.ts';
import { parseCheckpoint, signCheckpoint } from '../../src/core/tlog/checkpoint.ts';
import { makeKeyPair, signerFromSkey } from '../../src/core/tlog/key.ts';
import { parseNote } from '../../src/core/tlog/note.ts';
import type { Producer } from '../../src/recorder/api.ts';
import { type Machine, machine } from '../support/recorder.ts';
import { assertVerifies } from '../support/verify.ts';

const PRODUCER: Producer = { surface: 'sdk', assurance: 'observed' };
const note = (i: number): Event => ({ type: 'step.note', phase: 'point', metadata: { i } });
const ROTATE: Event = { type: 'key.rotate', phase: 'point' };

test('a start refuses keys that do not follow from the remembered one by the remembered notes', async () => {
  const box = await machine();
  const first = await box.open();
  const { new: now, size } = await first.rotateKey(ROTATE);
  await first.record(note(1), PRODUCER);
  await first.close('test');
  const name = `keys/${size}.note`;
  const stranger = makeKeyPair(box.info.origin, new Uint8Array(32).fill(3));
  const logJson = (keys: readonly { vkey: string; from: number }[]) =>
    box.disk.objects.set('log.json', encodeLogInfo({ ...box.info, keys: [...keys] }));
  const byItself = signCheckpoint(
    parseCheckpoint(parseNote(box.disk.objects.get(name) ?? new Uint8Array()).text),
    [signerFromSkey(box.keyFiles.current ?? '')],
  );
  const changes: readonly (readonly [string, () => unknown])[] = [
    ['the note is gone', () => box.disk.objects.delete(name)],
    ['the remembered note is gone', () => box.heads.delete(`local/${name}`)],
    ['the note is another one', () => box.disk.objects.set(name, byItself)],
    [
      'both notes are others',
      () => {
        box.disk.objects.set(name, byItself);
        box.heads.set(`local/${name}`, byItself);
      },
    ],
    ['log.json knows the first key only', () => logJson([{ vkey: box.vkey, from: 0 }])],
    ['log.json knows the new key only', () => logJson([{ vkey: now, from: 0 }])],
    [
      'log.json names another key',
      () =>
        logJson([
          { vkey: box.vkey, from: 0 },
          { vkey: stranger.vkey, from: size },
        ]),
    ],
    [
      'log.json names one more key',
      () =>
        logJson([
          { vkey: box.vkey, from: 0 },
          { vkey: now, from: size },
          { vkey: stranger.vkey, from: size + 1 },
        ]),
    ],
    ['the checkpoint is none', () => box.disk.objects.set('checkpoint', new Uint8Array())],
    ['the pinned key is another one', () => box.heads.set('local/vkey', Buffer.from(now))],
    ['the private key is of nobody', () => Object.assign(box.keyFiles, { current: stranger.skey })],
    [
      'a prepared key was put there',
      () => Object.assign(box.keyFiles, { current: stranger.skey, next: stranger.skey }),
    ],
  ];
  const objects = new Map(box.disk.objects);
  const heads = new Map(box.heads);
  const keyFiles = { ...box.keyFiles };
  for (const [what, change] of changes) {
    change();
    const before = new Map(box.disk.objects);
    await assert.rejects(
      box.open(),
      ({ code }: { code?: string }) => code === 'LOG_DAMAGED' || code === 'NOTE_UNVERIFIED',
      what,
    );
    assert.deepEqual(box.disk.objects, before, `${what}: something was written`);
    for (const [map, old] of [
      [box.disk.objects, objects],
      [box.heads, heads],
    ] as const) {
      map.clear();
      for (const [key, bytes] of old) map.set(key, bytes);
    }
    delete box.keyFiles.next;
    Object.assign(box.keyFiles, keyFiles);
  }
  await (await box.open()).close('test');
  await assertVerifies(box);
});

test("a start refuses another past that today's key signed", async () => {
  const boxes = [await machine(), await machine()];
  for (const [i, box] of boxes.entries()) {
    const recorder = await box.open();
    await recorder.record(note(i), PRODUCER);
    await recorder.rotateKey(ROTATE);
    await recorder.close('test');
  }
  const [honest, forged] = boxes as [Machine, Machine];
  // The same key on both, and the same history but for one entry: only the notes stay.
  for (const [name, bytes] of honest.disk.objects)
    if (name.startsWith('keys/')) forged.disk.objects.set(name, bytes);
  for (const [name, bytes] of honest.heads) if (name.includes('/keys/')) forged.heads.set(name, bytes);
  assert.deepEqual(forged.keyFiles, honest.keyFiles);
  await assert.rejects(forged.open(), { code: 'LOG_DAMAGED' });
});
