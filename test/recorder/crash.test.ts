import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeBase64 } from '../../src/core/bytes.ts';
import { type Event, GENESIS_PREV } from '../../src/core/entry.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { leafHash } from '../../src/core/tlog/tree.ts';
import type { Producer } from '../../src/recorder/api.ts';
import { faultyStore, type Plan } from '../support/faulty.ts';
import { entriesOf, type Machine, machine } from '../support/recorder.ts';
import { assertVerifies } from '../support/verify.ts';

const PRODUCER: Producer = { surface: 'sdk', assurance: 'observed' };
const note = (i: number): Event => ({ type: 'step.note', phase: 'point', metadata: { i } });

/** Records in small waves until it is told no; returns what was acknowledged. */
async function recordUntilItFails(box: Machine, plan: Plan, width: number) {
  const acknowledged: { id: string; index: number }[] = [];
  let fired = (): boolean => false;
  try {
    const recorder = await box.open({
      wrap: (store) => {
        const faulty = faultyStore(store, plan);
        fired = faulty.fired;
        return faulty;
      },
    });
    for (let wave = 0; wave < 12; wave++) {
      const events = Array.from({ length: width }, (_, i) => note(wave * width + i));
      const results = await Promise.allSettled(events.map((event) => recorder.record(event, PRODUCER)));
      for (const result of results) if (result.status === 'fulfilled') acknowledged.push(result.value);
      if (wave % 3 === 2) await recorder.checkpoint().catch(() => undefined);
    }
    await recorder.close('test').catch(() => undefined);
  } catch {
    // The start itself was hit: nothing was acknowledged.
  }
  return { acknowledged, fired: fired() };
}

async function assertNothingIsLost(
  box: Machine,
  acknowledged: readonly { id: string; index: number }[],
): Promise<void> {
  const recorder = await box.open();
  await recorder.record(note(-1), PRODUCER);
  await recorder.close('test');
  const entries = entriesOf(box.disk);
  for (const { id, index } of acknowledged) assert.equal(entries[index]?.id, id, `entry ${index}`);
  assert.equal(new Set(entries.map(({ id }) => id)).size, entries.length, 'an entry stands twice');
  await assertVerifies(box);
}

/** Makes `held` what it was when `kept` was copied from it. */
function putBack<T>(held: Map<string, T>, kept: ReadonlyMap<string, T>): void {
  held.clear();
  for (const [name, bytes] of kept) held.set(name, bytes);
}

for (const step of ['append', 'put', 'putMany', 'openSegment'] as const) {
  for (const fault of ['write lost', 'reply lost', 'torn'] as const) {
    test(`after ${fault} at any ${step}, every acknowledged entry is there and the log verifies`, async () => {
      // Tiles are made durable together once their segment of 65,536 entries is full.
      const [width, occurrences] = step === 'putMany' ? [5_500, 1] : [3, 12];
      let hit = 0;
      for (let occurrence = 0; occurrence < occurrences; occurrence++) {
        const box = await machine();
        const { acknowledged, fired } = await recordUntilItFails(box, { step, occurrence, fault }, width);
        if (fired) hit++;
        await assertNothingIsLost(box, acknowledged);
      }
      assert.ok(hit > 0, 'the fault never happened');
    });
  }
}

test('a tail torn at any byte is set aside whole, said in the log, and nothing before it is lost', async () => {
  const box = await machine();
  const recorder = await box.open();
  for (let i = 0; i < 4; i++) await recorder.record(note(i), PRODUCER);
  await recorder.checkpoint();
  const signed = box.disk.segments.get(0) ?? Buffer.alloc(0);
  const more = await Promise.all([4, 5].map((i) => recorder.record(note(i), PRODUCER)));
  const full = Buffer.from(box.disk.segments.get(0) ?? Buffer.alloc(0));
  const objects = new Map(box.disk.objects);
  const heads = new Map(box.heads);
  await recorder.close('test');

  for (let length = signed.length; length < full.length; length += 7) {
    box.disk.segments.set(0, Buffer.from(full.subarray(0, length)));
    putBack(box.disk.objects, objects);
    putBack(box.heads, heads);
    box.disk.torn.clear();
    const again = await box.open();
    await again.close('test');
    const entries = entriesOf(box.disk);
    const whole = full.subarray(0, length).lastIndexOf('\n') + 1;
    const torn = Buffer.concat([...box.disk.torn.values()]);
    assert.deepEqual(torn, full.subarray(whole, length));
    assert.equal(
      entries.some(({ type }) => type === 'log.recover'),
      whole !== length,
    );
    if (more[0] !== undefined && whole > signed.length) assert.equal(entries[more[0].index]?.id, more[0].id);
    await assertVerifies(box, { tornTails: torn.length > 0 });
  }
});

test('a start on a log that was changed below its signed size is refused, and nothing is written', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.integer({ min: 1, max: 255 }), async (where, flip) => {
      const box = await machine();
      const recorder = await box.open();
      for (let i = 0; i < 6; i++) await recorder.record(note(i), PRODUCER);
      await recorder.close('test');
      const bytes = box.disk.segments.get(0) ?? Buffer.alloc(0);
      const at = where % bytes.length;
      bytes[at] = (bytes[at] ?? 0) ^ flip;
      const before = Buffer.from(bytes);
      await assert.rejects(box.open(), (error: { code?: string }) =>
        ['LOG_DAMAGED', 'LOG_ROLLED_BACK'].includes(error.code ?? ''),
      );
      assert.deepEqual(box.disk.segments.get(0), before);
      assert.equal(box.disk.torn.size, 0);
    }),
    { numRuns: 60 },
  );
});

test('an older state of the log, validly signed, is refused because a newer head is remembered', async () => {
  const box = await machine();
  let recorder = await box.open();
  await recorder.record(note(0), PRODUCER);
  await recorder.close('test');
  const old = {
    segments: new Map([...box.disk.segments].map(([k, v]) => [k, Buffer.from(v)])),
    objects: new Map(box.disk.objects),
  };
  recorder = await box.open();
  await recorder.record(note(1), PRODUCER);
  await recorder.close('test');

  box.disk.segments.clear();
  for (const [first, bytes] of old.segments) box.disk.segments.set(first, bytes);
  box.disk.objects.clear();
  for (const [name, bytes] of old.objects) box.disk.objects.set(name, bytes);
  await assert.rejects(box.open(), { code: 'LOG_ROLLED_BACK' });
});

test('a history that was signed again with the same key is refused because another one is remembered', async () => {
  const [honest, forged] = [await machine(), await machine()];
  for (const [box, first] of [
    [honest, 1],
    [forged, 2],
  ] as const) {
    const recorder = await box.open();
    for (let i = 0; i < 5; i++) await recorder.record(note(first * 10 + i), PRODUCER);
    await recorder.close('test');
  }
  for (const [name, bytes] of honest.heads) forged.heads.set(name, bytes);
  await assert.rejects(forged.open(), { code: 'LOG_DAMAGED' });
});

test('actions that a killed recorder left open are closed: its own at once, those of clients after their time', async () => {
  const box = await machine();
  const recorder = await box.open();
  const open: Event = {
    type: 'tool.call',
    phase: 'pre_exec',
    run_id: 'run_9',
    action: { name: 'x', args: [1] },
  };
  const own = await recorder.record(open, { surface: 'proxy', assurance: 'enforced' });
  const gone = await recorder.record(open, PRODUCER);
  const back = await recorder.record(open, PRODUCER);
  // No close: the process was killed.
  const next = await box.open({ orphanGraceMs: 50 });
  const ends = (id: string) => entriesOf(box.disk).filter((entry) => entry.parent_id === id);
  assert.equal(ends(own.id)[0]?.outcome?.status, 'unknown');
  assert.equal(ends(gone.id).length, 0);
  await next.record(
    { type: 'tool.call', phase: 'post_exec', parent_id: back.id, outcome: { status: 'ok' } },
    PRODUCER,
  );
  await new Promise((resolve) => setTimeout(resolve, 150));
  assert.equal(ends(gone.id)[0]?.outcome?.status, 'unknown');
  await next.record(
    { type: 'tool.call', phase: 'post_exec', parent_id: gone.id, outcome: { status: 'ok' } },
    PRODUCER,
  );
  await next.close('test');
  assert.deepEqual(
    ends(back.id).map(({ outcome }) => outcome?.status),
    ['ok'],
  );
  assert.deepEqual(
    ends(gone.id).map(({ outcome }) => [outcome?.status, outcome?.late]),
    [
      ['unknown', undefined],
      ['ok', true],
    ],
  );
  assert.equal(ends(own.id)[0]?.run_id, 'run_9');
  const begin = entriesOf(box.disk)[own.index];
  assert.deepEqual(ends(own.id)[0]?.action, begin?.action);
  assert.equal(ends(own.id)[0]?.step_id, begin?.step_id);
  await assertVerifies(box);
});

test('tiles of the open segment that a crash of the machine took or garbled are made again', async () => {
  const box = await machine();
  const recorder = await box.open();
  await Promise.all(Array.from({ length: 600 }, (_, i) => recorder.record(note(i), PRODUCER)));
  await recorder.close('test');
  box.disk.objects.delete('tile/0/000');
  box.disk.objects.set('tile/0/001', new Uint8Array(0));
  await (await box.open()).close('test');
  assert.equal(box.disk.objects.get('tile/0/000')?.length, 8192);
  await assertVerifies(box);
});

test('a start names the entry that was changed below the signed size', async () => {
  const box = await machine();
  const recorder = await box.open();
  await Promise.all(Array.from({ length: 600 }, (_, i) => recorder.record(note(i), PRODUCER)));
  await recorder.close('test');
  const text = (box.disk.segments.get(0) ?? Buffer.alloc(0)).toString('utf8');
  box.disk.segments.set(0, Buffer.from(text.replace('{"i":99}', '{"i":98}')));
  await assert.rejects(box.open(), { code: 'LOG_DAMAGED', details: { index: 100 } });
});

test('without a stored tile a start names the entry that the one after it denies, and the one whose own link was edited', async () => {
  const box = await machine();
  const recorder = await box.open();
  for (let i = 0; i < 20; i++) await recorder.record(note(i), PRODUCER);
  await recorder.close('test');
  const lines = (box.disk.segments.get(0) ?? Buffer.alloc(0)).toString('utf8').split('\n');
  const edited = (index: number, edit: (line: string) => string): void => {
    box.disk.segments.set(
      0,
      Buffer.from(lines.map((line, i) => (i === index ? edit(line) : line)).join('\n')),
    );
  };
  const at = lines.findIndex((line) => line.includes('{"i":15}'));
  edited(at, (line) => line.replace('{"i":15}', '{"i":99}'));
  await assert.rejects(box.open(), {
    code: 'LOG_DAMAGED',
    message: `entry ${at} is not the one that was signed`,
    details: { index: at },
  });
  edited(at, (line) =>
    line.replace(/"prev":"./, (start) => `${start.slice(0, -1)}${start.endsWith('A') ? 'B' : 'A'}`),
  );
  await assert.rejects(box.open(), { code: 'LOG_DAMAGED', details: { index: at } });
  // Nothing comes after the last one: either of the two may be it.
  const beforeLast = lines.length - 3;
  edited(beforeLast, (line) => line.replace('"ts":"2', '"ts":"3'));
  await assert.rejects(box.open(), {
    code: 'LOG_DAMAGED',
    message: `entry ${beforeLast} or entry ${beforeLast + 1} is not the one that was signed`,
  });
});

test('a line of the unsigned tail that verification could not read is set aside, and not signed', async () => {
  const box = await machine();
  const recorder = await box.open();
  for (let i = 0; i < 3; i++) await recorder.record(note(i), PRODUCER);
  await recorder.checkpoint();
  const objects = new Map(box.disk.objects);
  const heads = new Map(box.heads);
  const signed = Buffer.from(box.disk.segments.get(0) ?? []);
  await recorder.close('test');

  const last = signed.subarray(signed.lastIndexOf('\n', -2) + 1, -1);
  const index = entriesOf(box.disk).findIndex(({ type }) => type === 'log.close');
  const prev = encodeBase64(leafHash(last));
  const lines = [
    `{"index":${index},"pad":"${'x'.repeat(LIMITS.entryBytes)}","prev":"${prev}"}`,
    `{"index": ${index}, "prev": "${prev}"}`,
    `{"index":0,"index":${index},"prev":"${prev}"}`,
    `{"index":${index},"prev":"${GENESIS_PREV}","prev":"${prev}"}`,
    `{"index":${index}e0,"prev":"${prev}"}`,
  ];
  for (const line of lines) {
    box.disk.segments.set(0, Buffer.concat([signed, Buffer.from(`${line}\n`)]));
    putBack(box.disk.objects, objects);
    putBack(box.heads, heads);
    box.disk.torn.clear();
    const again = await box.open();
    await again.close('test');
    assert.ok(Buffer.concat([...box.disk.torn.values()]).equals(Buffer.from(`${line}\n`)), line.slice(0, 60));
    await assertVerifies(box, { tornTails: true });
  }
});

test('entries that a killed process left to the kernel are flushed before anything is signed over them', async () => {
  const segmentEntries = LIMITS.tileWidth;
  const box = await machine();
  const recorder = await box.open({ segmentEntries });
  await recorder.record(note(0), PRODUCER);
  await recorder.checkpoint();
  const objects = new Map(box.disk.objects);
  const heads = new Map(box.heads);
  const signed = Buffer.from(box.disk.segments.get(0) ?? []);
  while (recorder.size() < segmentEntries) await recorder.record(note(recorder.size()), PRODUCER);
  const written = Buffer.from(box.disk.segments.get(0) ?? []);
  await recorder.close('test');

  // Killed between the write that filled the segment and its flush.
  box.disk.sealed.clear();
  box.disk.segments.clear();
  box.disk.segments.set(0, written);
  putBack(box.disk.objects, objects);
  putBack(box.heads, heads);
  const flushed = new Set<number>();
  const again = await box.open({
    segmentEntries,
    wrap(store) {
      let target = -1;
      return {
        ...store,
        async openSegment(first) {
          await store.openSegment(first);
          target = first;
        },
        async append(bytes) {
          await store.append(bytes);
          flushed.add(target);
        },
      };
    },
  });
  const { index } = await again.record(note(-1), PRODUCER);
  await again.close('test');

  // Then the power fails: what nobody flushed is gone.
  if (!flushed.has(0)) box.disk.segments.set(0, signed);
  const last = await box.open({ segmentEntries });
  await last.close('test');
  assert.equal(entriesOf(box.disk)[index]?.index, index);
  await assertVerifies(box);
});

test('a segment that was set aside with a torn tail does not come back as an empty one', async () => {
  const box = await machine();
  const recorder = await box.open();
  await recorder.record(note(0), PRODUCER);
  await recorder.checkpoint();
  const objects = new Map(box.disk.objects);
  const heads = new Map(box.heads);
  while (recorder.size() < LIMITS.tileWidth + 44) await recorder.record(note(recorder.size()), PRODUCER);
  const written = Buffer.from(box.disk.segments.get(0) ?? []);
  await recorder.close('test');

  // Killed before any of it was signed; and somebody put a segment there that nobody began.
  box.disk.segments.clear();
  box.disk.segments.set(0, Buffer.concat([written, Buffer.from('{"half":')]));
  box.disk.segments.set(LIMITS.tileWidth, Buffer.from('planted\n'));
  putBack(box.disk.objects, objects);
  putBack(box.heads, heads);
  for (let starts = 0; starts < 2; starts++) {
    const again = await box.open();
    assert.equal(again.torn.length, starts === 0 ? 2 : 0);
    await again.close('test');
    assert.deepEqual([...box.disk.segments.keys()], [0]);
  }
  await assertVerifies(box, { tornTails: true });
});
