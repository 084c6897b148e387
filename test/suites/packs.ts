/** What every store of packs and data keys does. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DataKeyStore, PackStore } from '../../src/core/ports.ts';

export interface PacksUnderTest {
  readonly packs: PackStore;
  readonly keys: DataKeyStore;
  /** The same bytes, after a restart. */
  again(): PacksUnderTest;
}

const ID = 'key_01ARZ3NDEKTSV4RRFFQ69G5FAV';
const bytes = (text: string): Uint8Array => Buffer.from(text);
const read = async (packs: PackStore, first: number, offset: number, length: number) => {
  const found = await packs.readPack(first, offset, length);
  return found === undefined ? undefined : Buffer.from(found).toString();
};

export function packSuite(name: string, make: () => Promise<PacksUnderTest>): void {
  test(`${name}: a new store has no packs and no keys`, async () => {
    const { packs, keys } = await make();
    assert.deepEqual(await packs.packs(), []);
    assert.equal(await packs.readPack(0, 0, 5), undefined);
    assert.deepEqual(await keys.list(), []);
    assert.equal(await keys.get(ID), undefined);
    await packs.close();
  });

  test(`${name}: what is written is read at its offset, also after a restart`, async () => {
    const store = await make();
    await store.packs.writePack(0, 0, bytes('hello '));
    await store.packs.writePack(0, 6, bytes('world'));
    await store.packs.writePack(65_536, 0, bytes('next'));
    await store.packs.writePack(0, 11, bytes('!'));
    await store.packs.close();
    const { packs } = store.again();
    assert.deepEqual(await packs.packs(), [
      { first: 0, bytes: 12 },
      { first: 65_536, bytes: 4 },
    ]);
    assert.equal(await read(packs, 0, 6, 6), 'world!');
    assert.equal(await read(packs, 0, 10, 100), 'd!');
    assert.equal(await read(packs, 0, 100, 5), '');
    await packs.close();
  });

  test(`${name}: a write goes exactly where it was told to, whatever lies there`, async () => {
    const { packs } = await make();
    await packs.writePack(0, 0, bytes('0123456789'));
    await packs.writePack(0, 2, bytes('ab'));
    assert.equal(await read(packs, 0, 0, 10), '01ab456789');
    await packs.close();
  });

  test(`${name}: packs before an entry are removed, also those that nobody wrote to, and again harmlessly`, async () => {
    const { packs, again } = await make();
    await packs.removeBefore(512);
    for (const first of [0, 256, 512]) await packs.writePack(first, 0, bytes('blob'));
    for (let times = 0; times < 2; times++) await packs.removeBefore(512);
    await packs.writePack(512, 4, bytes('more'));
    assert.deepEqual(await again().packs.packs(), [{ first: 512, bytes: 8 }]);
    await packs.close();
  });

  test(`${name}: a key is kept until it is erased, and erasing twice is harmless`, async () => {
    const { keys, again } = await make();
    await keys.put(ID, bytes('wrapped'));
    assert.deepEqual(await again().keys.list(), [ID]);
    assert.equal(Buffer.from((await keys.get(ID)) ?? []).toString(), 'wrapped');
    await keys.erase(ID);
    await keys.erase(ID);
    assert.equal(await keys.get(ID), undefined);
    assert.deepEqual(await again().keys.list(), []);
  });
}
