/** Payloads that events bring: kept as the configuration says, sealed, durable before their entry. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import type { Event } from '../../src/core/entry.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { parseDataKey } from '../../src/core/payload/data-key.ts';
import type { PayloadSetting } from '../../src/core/payload/policy.ts';
import type { Producer } from '../../src/recorder/api.ts';
import { blobOf, plainOf } from '../support/payloads.ts';
import { countingRandom, entriesOf, type Machine, machine } from '../support/recorder.ts';
import { assertVerifies } from '../support/verify.ts';

const SDK: Producer = { surface: 'sdk', assurance: 'self_reported' };
const BROKER: Producer = { surface: 'proxy', assurance: 'enforced' };

function toolCall(
  data: string,
  more: Partial<NonNullable<Event['payload']>> = {},
  rest: Partial<Event> = {},
): Event {
  return {
    type: 'tool.call',
    phase: 'point',
    run_id: 'run_1',
    ...rest,
    payload: { media_type: 'text/plain', class: 'arguments', data, ...more },
  };
}

async function recorded(setting: PayloadSetting, events: readonly Event[], producer = SDK): Promise<Machine> {
  const box = await machine();
  const recorder = await box.open({ payloads: setting });
  for (const event of events) await recorder.record(event, producer);
  await recorder.close('test');
  await assertVerifies(box);
  return box;
}

const own = (box: Machine) => entriesOf(box.disk).filter(({ type }) => !type.startsWith('log.'));

test('a payload lies in the pack of its segment, and opens with the key of its run', async () => {
  const box = await recorded({}, [toolCall('first'), toolCall('second ✓')]);
  const entries = own(box);
  assert.deepEqual(
    entries.map((entry) => plainOf(box, entry).toString()),
    ['first', 'second ✓'],
  );
  const [one, two] = entries.map(({ payload }) => payload);
  assert.equal(one?.pack, '000000000000.pack');
  assert.equal(one?.offset, 0);
  assert.equal(two?.offset, one?.length);
  assert.equal(one?.key_id, two?.key_id);
  assert.equal(one?.media_type, 'text/plain');
  assert.equal(one?.truncated, undefined);
  assert.equal('data' in (one ?? {}), false);
});

test('nothing of the payload itself is in the entry, and none of it is readable in the pack', async () => {
  const words = `the quick ${randomBytes(8).toString('hex')}`;
  const box = await recorded({}, [toolCall(words)]);
  assert.ok(!Buffer.concat([...box.disk.segments.values()]).includes(words));
  assert.ok(!Buffer.concat([...box.packs.values()]).includes(words));
});

test('without a setting the surfaces that agents report through keep payloads, and the broker keeps none', async () => {
  const kept = await recorded({}, [toolCall('x')], SDK);
  assert.ok(own(kept)[0]?.payload);
  const none = await recorded({}, [toolCall('x')], BROKER);
  assert.equal(own(none)[0]?.payload, undefined);
  assert.equal(none.packs.size + none.dataKeys.size, 0);
});

test('a recorder that was given no place for payloads records the event without its payload', async () => {
  const box = await machine();
  const recorder = await box.open();
  await recorder.record(toolCall('secret text'), SDK);
  await recorder.close('test');
  assert.equal(own(box)[0]?.payload, undefined);
  assert.ok(!Buffer.concat([...box.disk.segments.values()]).includes('secret text'));
});

test('of class hash only a keyed hash is kept, and it tells equal payloads from others', async () => {
  const box = await recorded({ keep: { 'tool.call': 'hash' } }, [
    toolCall('4111'),
    toolCall('4111'),
    toolCall('4112'),
  ]);
  const [a, b, c] = own(box).map(({ payload }) => payload);
  assert.match(a?.hash ?? '', /^[0-9a-f]{64}$/);
  assert.match(a?.hash_alg ?? '', /^hmac-sha256:[0-9a-f]{8}$/);
  assert.equal(a?.hash, b?.hash);
  assert.notEqual(a?.hash, c?.hash);
  assert.equal(a?.pack, undefined);
  assert.equal(box.packs.size + box.dataKeys.size, 0);
});

test('what is redacted is cut at the bound afterwards, and says so', async () => {
  const card = '4111 1111 1111 1111';
  const box = await recorded({ max_bytes: 40 }, [
    toolCall(`${'é'.repeat(15)} ${card} and more that does not fit`, {}, { outcome: { status: 'ok' } }),
  ]);
  const [entry] = own(box);
  assert.ok(entry);
  const plain = plainOf(box, entry);
  assert.ok(plain.length <= 40);
  assert.equal(entry.payload?.truncated, true);
  assert.ok(plain.toString().startsWith(`${'é'.repeat(15)} [REDACT`), plain.toString());
  assert.ok(!plain.toString().includes('�'), 'no half of a character');
  assert.equal(entry.outcome?.redaction?.count, 1);
});

test('what was cut before it came says so, and leaves out its end, where half of a secret may stand', async () => {
  const half = randomBytes(16).toString('hex');
  const data = `${'y'.repeat(LIMITS.payloadBytes - half.length)}${half}`;
  const box = await recorded({ keep: { 'tool.call': { result: 'full', body: 'hash' } } }, [
    toolCall(data, { class: 'result', truncated: true }),
    toolCall(data, { truncated: true }),
    toolCall('short', { truncated: true }),
    toolCall('short', { class: 'body', truncated: true }),
  ]);
  const entries = own(box);
  assert.deepEqual(
    entries.map(({ payload }) => payload?.truncated),
    [true, true, true, true],
  );
  const kept = entries.slice(0, 3).map((entry) => plainOf(box, entry).toString());
  assert.deepEqual(
    kept.map(({ length }) => length),
    [LIMITS.payloadBytes - LIMITS.secretMaxBytes, LIMITS.payloadKeptBytes, 5],
  );
  assert.ok(!kept[0]?.includes(half));
});

test('binary data cannot be redacted, so only its hash is kept, unless full was chosen', async () => {
  const bytes = Buffer.from([0x89, 0x50, 0xff, 0, 1]);
  const event = toolCall(bytes.toString('base64'), { encoding: 'base64', media_type: 'image/png' });
  const redacted = await recorded({}, [event]);
  assert.equal(own(redacted)[0]?.payload?.pack, undefined);
  assert.match(own(redacted)[0]?.payload?.hash ?? '', /^[0-9a-f]{64}$/);
  const full = await recorded({ keep: { '*': { arguments: 'full' } } }, [event]);
  const [entry] = own(full);
  assert.ok(entry);
  assert.deepEqual(plainOf(full, entry), bytes);
});

test('each run, subject and class has a key of its own, and no file of a key names the subject', async () => {
  const box = await recorded({}, [
    toolCall('1'),
    toolCall('2', {}, { run_id: 'run_2' }),
    toolCall('3', { class: 'prompt' }),
    toolCall('4', { subject: 'jane@example.com' }),
    toolCall('5', { subject: 'jane@example.com' }),
    toolCall('6'),
  ]);
  const ids = own(box).map(({ payload }) => payload?.key_id);
  assert.equal(new Set(ids).size, 4);
  assert.equal(ids[0], ids[5]);
  assert.equal(ids[3], ids[4]);
  const files = [...box.dataKeys.values()].map((bytes) => Buffer.from(bytes).toString());
  assert.ok(files.every((file) => !file.includes('jane')));
  assert.ok(files.some((file) => parseDataKey(Buffer.from(file))?.subject_hash !== undefined));
  assert.ok(own(box).every((entry) => !JSON.stringify(entry).includes('jane')));
});

test('the end of an action is sealed under the key of the run of its beginning', async () => {
  const box = await machine();
  const recorder = await box.open({ payloads: {} });
  const begun = await recorder.record(
    toolCall('in', { class: 'arguments' }, { phase: 'pre_exec', action: { name: 'a' } }),
    SDK,
  );
  await recorder.record(
    {
      type: 'tool.call',
      phase: 'post_exec',
      parent_id: begun.id,
      outcome: { status: 'ok' },
      payload: { media_type: 'text/plain', class: 'arguments', data: 'out' },
    },
    SDK,
  );
  await recorder.close('test');
  const [pre, post] = own(box);
  assert.equal(post?.run_id, 'run_1');
  assert.equal(pre?.payload?.key_id, post?.payload?.key_id);
});

test('a restart makes another key for the same run, and goes on behind what lies in the pack', async () => {
  const box = await machine();
  for (const text of ['one', 'two']) {
    const recorder = await box.open({ payloads: {} });
    await recorder.record(toolCall(text), SDK);
    await recorder.close('test');
    // What a crash leaves: bytes that no durable entry cites.
    box.packs.set(0, Buffer.concat([box.packs.get(0) ?? Buffer.alloc(0), Buffer.from('torn')]));
  }
  const entries = own(box);
  assert.deepEqual(
    entries.map((entry) => plainOf(box, entry).toString()),
    ['one', 'two'],
  );
  assert.notEqual(entries[0]?.payload?.key_id, entries[1]?.payload?.key_id);
  assert.equal(entries[1]?.payload?.offset, (entries[0]?.payload?.length ?? 0) + 4);
});

test('no nonce and no salt comes twice, over restarts too', async () => {
  const box = await machine();
  for (let start = 0; start < 3; start++) {
    const recorder = await box.open({ payloads: {} });
    await Promise.all(Array.from({ length: 50 }, () => recorder.record(toolCall('same text'), SDK)));
    await recorder.close('test');
  }
  const nonces = own(box).map(
    (entry) => `${entry.payload?.key_id} ${blobOf(box, entry).subarray(1, 13).toString('hex')}`,
  );
  assert.equal(new Set(nonces).size, 150);
  assert.equal(new Set(own(box).map(({ payload }) => payload?.commit)).size, 150);
});

test('the payloads of a batch are durable in one write before the segment is written, and none without payloads', async () => {
  const box = await machine();
  const steps: string[] = [];
  const recorder = await box.open({
    payloads: {},
    wrap: (store) => ({
      ...store,
      append: async (bytes) => {
        steps.push('segment');
        await store.append(bytes);
      },
    }),
    wrapPacks: (packs) => ({
      ...packs,
      writePack: async (first, offset, bytes) => {
        await packs.writePack(first, offset, bytes);
        steps.push('pack');
      },
    }),
  });
  await recorder.record(toolCall('warm'), SDK);
  steps.length = 0;
  await Promise.all(Array.from({ length: 5 }, () => recorder.record(toolCall('x'), SDK)));
  assert.deepEqual(steps, ['pack', 'segment']);
  steps.length = 0;
  await recorder.record({ type: 'custom', phase: 'point' }, SDK);
  assert.deepEqual(steps, ['segment']);
  await recorder.close('test');
});

test('a pack that cannot be written ends the writer, and no entry cites what is not there', async () => {
  const box = await machine();
  let broken = false;
  const recorder = await box.open({
    payloads: {},
    wrapPacks: (packs) => ({
      ...packs,
      writePack: (...args) => (broken ? Promise.reject(new Error('no space')) : packs.writePack(...args)),
    }),
  });
  await recorder.record(toolCall('good'), SDK);
  broken = true;
  const before = entriesOf(box.disk).length;
  await assert.rejects(recorder.record(toolCall('lost'), SDK), { code: 'LOG_WRITE_FAILED' });
  await assert.rejects(recorder.record({ type: 'custom', phase: 'point' }, SDK), {
    code: 'LOG_WRITE_FAILED',
  });
  await assert.rejects(recorder.close('test'));
  assert.equal(entriesOf(box.disk).length, before);
  const again = await box.open({ payloads: {} });
  await again.record(toolCall('after'), SDK);
  await again.close('test');
  await assertVerifies(box);
});

test('a key that cannot be stored refuses its event alone, and is tried again', async () => {
  const box = await machine();
  let broken = true;
  const recorder = await box.open({
    payloads: {},
    wrapKeys: (keys) => ({
      ...keys,
      put: (...args) => (broken ? Promise.reject(new Error('EIO')) : keys.put(...args)),
    }),
  });
  await assert.rejects(recorder.record(toolCall('x'), SDK), /EIO/);
  await recorder.record({ type: 'custom', phase: 'point' }, SDK);
  broken = false;
  await recorder.record(toolCall('y'), SDK);
  await recorder.close('test');
  assert.deepEqual(
    own(box).map(({ type }) => type),
    ['custom', 'tool.call'],
  );
  await assertVerifies(box);
});

test('an event that is refused leaves nothing in the pack', async () => {
  const box = await machine();
  const recorder = await box.open({ payloads: {} });
  await assert.rejects(recorder.record(toolCall('x', {}, { metadata: { much: 'x'.repeat(70_000) } }), SDK), {
    code: 'ENTRY_TOO_LARGE',
  });
  for (const bad of [
    { media_type: 'text/plain', class: 'No Class', data: 'x' },
    { media_type: 'text/plain', class: 'a', data: 7 },
    { media_type: 'text/plain', class: 'a', data: 'x===', encoding: 'base64' },
    'text',
  ]) {
    await assert.rejects(recorder.record({ ...toolCall('x'), payload: bad } as Event, SDK), {
      code: 'BAD_EVENT',
    });
  }
  await assert.rejects(recorder.record(toolCall('x'.repeat(1024 * 1024 + 1)), SDK), {
    code: 'ENTRY_TOO_LARGE',
  });
  await recorder.record(toolCall('good'), SDK);
  await recorder.close('test');
  assert.equal(own(box)[0]?.payload?.offset, 0);
  assert.equal(box.packs.get(0)?.length, own(box)[0]?.payload?.length);
});

test('an event that is sent again gets its place, and its payload is not sealed twice', async () => {
  const box = await machine();
  const recorder = await box.open({ payloads: {} });
  const event = toolCall('once', {}, { id: 'log_01ARZ3NDEKTSV4RRFFQ69G5FAV' });
  const [a, b] = await Promise.all([recorder.record(event, SDK), recorder.record(event, SDK)]);
  assert.equal(a.index, b.index);
  await recorder.close('test');
  assert.equal(own(box).length, 1);
  assert.equal(box.packs.get(0)?.length, own(box)[0]?.payload?.length);
});

test('each segment has a pack of its own', async () => {
  const box = await machine();
  const recorder = await box.open({ payloads: {}, segmentEntries: 256 });
  await Promise.all(Array.from({ length: 300 }, (_, i) => recorder.record(toolCall(`n${i}`), SDK)));
  await recorder.close('test');
  assert.deepEqual(
    [...box.packs.keys()].sort((a, b) => a - b),
    [0, 256],
  );
  for (const entry of own(box)) {
    assert.equal(entry.payload?.pack, entry.index < 256 ? '000000000000.pack' : '000000000256.pack');
    assert.match(plainOf(box, entry).toString(), /^n\d+$/);
  }
});

test('erasing says so in the log first, destroys the key, and the next payload of that run has another', async () => {
  const box = await machine();
  const order: string[] = [];
  const recorder = await box.open({
    payloads: {},
    wrapKeys: (keys) => ({
      ...keys,
      erase: async (id) => {
        order.push(entriesOf(box.disk).at(-1)?.type ?? '');
        await keys.erase(id);
      },
    }),
  });
  await recorder.record(toolCall('to forget'), SDK);
  const keyId = own(box)[0]?.payload?.key_id ?? '';
  await recorder.eraser.erase(
    { key_id: keyId },
    { type: 'log.erase', phase: 'point', reason: 'asked for by its subject' },
  );
  assert.deepEqual(order, ['log.erase']);
  assert.equal(box.dataKeys.has(keyId), false);
  await recorder.record(toolCall('new'), SDK);
  await recorder.close('test');
  const erase = entriesOf(box.disk).find(({ type }) => type === 'log.erase');
  assert.deepEqual(erase?.metadata, { key_ids: [keyId] });
  assert.notEqual(own(box)[1]?.payload?.key_id, keyId);
  await assertVerifies(box);
});

test('a secret in the name of a run or a class reaches no file of a key', async () => {
  const box = await machine();
  const recorder = await box.open({ payloads: {} });
  const value = `s${randomBytes(12).toString('hex')}`;
  recorder.secrets.set('API_KEY', value);
  await recorder.record(toolCall('x', { class: value }, { run_id: `run ${value}` }), SDK);
  await recorder.close('test');
  const [file] = [...box.dataKeys.values()].map((bytes) => parseDataKey(bytes));
  assert.equal(file?.run_id, 'run [REDACTED:API_KEY]');
  assert.equal(file?.run_id, own(box)[0]?.run_id);
  assert.equal(file?.class, own(box)[0]?.payload?.class);
  assert.ok(!JSON.stringify(file).includes(value));
});

test('whatever was replaced in a payload is counted in the outcome of its entry', async () => {
  const box = await machine();
  const recorder = await box.open({ payloads: {} });
  const value = Buffer.from(countingRandom('value')(12)).toString('hex');
  recorder.secrets.set('API_KEY', value);
  await recorder.record(toolCall(`key ${value}`, {}, { outcome: { status: 'ok', error: value } }), SDK);
  await recorder.close('test');
  assert.deepEqual(own(box)[0]?.outcome?.redaction, { count: 2, rules: { API_KEY: 2 } });
});
