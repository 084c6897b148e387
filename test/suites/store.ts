/** What every log store promises. A driver runs this suite with a way to open, and to open again what was written. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LogReader, LogStore } from '../../src/core/ports.ts';

export interface StoreUnderTest {
  open(): Promise<LogStore>;
  cleanUp(): Promise<void>;
}

export async function contents(reader: LogReader, first: number, offset = 0): Promise<string> {
  let text = '';
  for await (const block of reader.read(first, offset)) text += Buffer.from(block).toString('utf8');
  return text;
}

export function storeSuite(name: string, make: () => Promise<StoreUnderTest>): void {
  async function using(
    body: (store: LogStore, again: () => Promise<LogStore>) => Promise<void>,
  ): Promise<void> {
    const subject = await make();
    const opened: LogStore[] = [];
    const open = async (): Promise<LogStore> => {
      const store = await subject.open();
      opened.push(store);
      return store;
    };
    try {
      await body(await open(), open);
    } finally {
      for (const store of opened) await store.close();
      await subject.cleanUp();
    }
  }

  test(`${name}: a new store has no segments and no objects`, () =>
    using(async (store) => {
      assert.deepEqual(await store.segments(), []);
      assert.deepEqual(await store.objects.list(''), []);
      assert.equal(await store.objects.get('checkpoint'), undefined);
    }));

  test(`${name}: appended bytes are read back in order, also after opening again`, () =>
    using(async (store, again) => {
      await store.openSegment(0);
      await store.append(Buffer.from('a\n'));
      await store.append(Buffer.from('bc\n'));
      assert.equal(await contents(store, 0), 'a\nbc\n');
      assert.equal(await contents(store, 0, 2), 'bc\n');
      const reopened = await again();
      assert.deepEqual(await reopened.segments(), [{ first: 0, bytes: 5, sealed: false }]);
      await reopened.openSegment(0);
      await reopened.append(Buffer.from('d\n'));
      assert.equal(await contents(reopened, 0), 'a\nbc\nd\n');
    }));

  test(`${name}: segments are listed in the order of their first index`, () =>
    using(async (store) => {
      for (const first of [0, 256, 65_536]) {
        await store.openSegment(first);
        await store.append(Buffer.from(`${first}\n`));
      }
      assert.deepEqual(
        (await store.segments()).map(({ first }) => first),
        [0, 256, 65_536],
      );
      assert.equal(await contents(store, 256), '256\n');
    }));

  test(`${name}: a block that was read may be overwritten without changing the log`, () =>
    using(async (store) => {
      await store.openSegment(0);
      await store.append(Buffer.from('kept\n'));
      for await (const block of store.read(0)) block.fill(0);
      assert.equal(await contents(store, 0), 'kept\n');
    }));

  test(`${name}: setting a tail aside moves it, byte for byte, and says its hash`, () =>
    using(async (store) => {
      await store.openSegment(0);
      await store.append(Buffer.from('good\nto'));
      const moved = await store.setAside(0, 5);
      assert.equal(moved.bytes, 2);
      assert.match(moved.name, /^000000000000\.jsonl\.torn-0$/);
      assert.equal(moved.sha256, '663ea1bfffe5038f3f0cf667f14c4257eff52d77ce7f2a218f72e9286616ea39');
      assert.equal(await contents(store, 0), 'good\n');
      await store.openSegment(0);
      await store.append(Buffer.from('next\nrn'));
      assert.match((await store.setAside(0, 10)).name, /torn-1$/);
      assert.equal(await contents(store, 0), 'good\nnext\n');
    }));

  test(`${name}: setting a whole segment aside leaves no segment`, () =>
    using(async (store) => {
      await store.openSegment(0);
      await store.append(Buffer.from('kept\n'));
      await store.openSegment(1);
      await store.append(Buffer.from('torn'));
      assert.equal((await store.setAside(1, 0)).bytes, 4);
      assert.deepEqual(await store.segments(), [{ first: 0, bytes: 5, sealed: false }]);
    }));

  test(`${name}: objects are replaced whole, listed by prefix, and independent of the caller's buffer`, () =>
    using(async (store, again) => {
      const bytes = Buffer.from('one');
      await store.objects.put('tile/0/000', bytes);
      bytes.fill(0);
      await store.objects.put('checkpoint', Buffer.from('first'));
      await store.objects.put('checkpoint', Buffer.from('second'));
      await store.objects.putMany([
        ['tile/0/001', Buffer.from('two')],
        ['tile/1/000', Buffer.from('three')],
      ]);
      const reopened = await again();
      assert.equal(String(Buffer.from((await reopened.objects.get('tile/0/000')) ?? [])), 'one');
      assert.equal(String(Buffer.from((await reopened.objects.get('checkpoint')) ?? [])), 'second');
      assert.deepEqual(await reopened.objects.list('tile/0/'), ['tile/0/000', 'tile/0/001']);
      assert.deepEqual(await reopened.objects.list('tile/'), ['tile/0/000', 'tile/0/001', 'tile/1/000']);
    }));
}
