import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ulidSource } from '../../src/core/ulid.ts';
import { createDataKeys } from '../../src/recorder/data-keys.ts';
import { memoryDataKeys } from '../../src/store/memory-packs.ts';
import { countingRandom } from '../support/recorder.ts';

function keysOf(more: { readonly most?: number; readonly uses?: number } = {}) {
  const stored = new Map<string, Uint8Array>();
  const random = countingRandom('keys');
  const keys = createDataKeys({
    tenant: 'local',
    store: memoryDataKeys(stored),
    masterKey: new Uint8Array(32).fill(1),
    random,
    ulid: ulidSource(random),
    now: () => 1_700_000_000_000,
    ...more,
  });
  return { keys, stored };
}

const isWiped = (key: Uint8Array): boolean => key.every((byte) => byte === 0);
const OF = { class: 'result', run_id: 'run_1' };

test('who comes at the same time for the same run, subject and class gets one key, stored once', async () => {
  const { keys, stored } = keysOf();
  const leased = await Promise.all(Array.from({ length: 10 }, () => keys.lease(OF)));
  assert.equal(new Set(leased.map(({ keyId }) => keyId)).size, 1);
  assert.deepEqual([...stored.keys()], [leased[0]?.keyId]);
});

test('absent, empty-looking and joined names are not mixed up', async () => {
  const { keys } = keysOf();
  const leased = await Promise.all([
    keys.lease({ class: 'a' }),
    keys.lease({ class: 'a', run_id: 'null' }),
    keys.lease({ class: 'a', subject: 'null' }),
    keys.lease({ class: 'a', run_id: 'x', subject: 'y' }),
    keys.lease({ class: 'a', run_id: 'y', subject: 'x' }),
    keys.lease({ class: 'a', run_id: 'x","y' }),
  ]);
  assert.equal(new Set(leased.map(({ keyId }) => keyId)).size, 6);
});

test('a key is given up for another one after its uses', async () => {
  const { keys } = keysOf({ uses: 3 });
  const ids: string[] = [];
  for (let i = 0; i < 7; i++) ids.push((await keys.lease(OF)).keyId);
  assert.deepEqual(
    ids.map((id) => ids.indexOf(id)),
    [0, 0, 0, 3, 3, 3, 6],
  );
});

test('the key that was not used for longest is wiped when there are too many, and not before it is given back', async () => {
  const { keys } = keysOf({ most: 2 });
  const first = await keys.lease({ class: 'one' });
  const second = await keys.lease({ class: 'two' });
  second.release();
  const again = await keys.lease({ class: 'one' });
  assert.equal(again.keyId, first.keyId);
  await keys.lease({ class: 'three' });
  await new Promise((resolve) => setImmediate(resolve));
  assert.ok(isWiped(second.key));
  assert.ok(!isWiped(first.key));
  await keys.lease({ class: 'four' });
  await new Promise((resolve) => setImmediate(resolve));
  assert.ok(!isWiped(first.key), 'two hold it');
  first.release();
  first.release();
  assert.ok(!isWiped(first.key), 'given back twice is once');
  again.release();
  assert.ok(isWiped(first.key));
  assert.notEqual((await keys.lease({ class: 'one' })).keyId, first.keyId, 'what left never seals again');
});

test('closing wipes what nobody holds, and no key is made afterwards', async () => {
  const { keys, stored } = keysOf();
  const held = await keys.lease(OF);
  const free = await keys.lease({ class: 'other' });
  free.release();
  keys.close();
  await new Promise((resolve) => setImmediate(resolve));
  assert.ok(isWiped(free.key));
  assert.ok(!isWiped(held.key));
  held.release();
  assert.ok(isWiped(held.key));
  await assert.rejects(keys.lease({ class: 'new' }), { code: 'LOG_CLOSED' });
  assert.equal(stored.size, 2);
});

test('an erased key is gone here and in the store', async () => {
  const { keys, stored } = keysOf();
  const leased = await keys.lease(OF);
  leased.release();
  await keys.erase(leased.keyId);
  assert.equal(stored.size, 0);
  await new Promise((resolve) => setImmediate(resolve));
  assert.ok(isWiped(leased.key));
  assert.notEqual((await keys.lease(OF)).keyId, leased.keyId);
});
