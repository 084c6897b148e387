/** What every log store promises. A driver runs this suite with a way to open, and to open again what was written. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LogReader, LogStore } from '../../src/core/ports.ts';
import { linesOf } from '../support/sealed.ts';

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

  test(`${name}: a sealed segment reads as before at every place, also after opening again, and is said to be sealed`, () =>
    using(async (store, again) => {
      const lines = linesOf(0, 768);
      await store.openSegment(0);
      await store.append(Buffer.from(lines));
      await store.openSegment(768);
      await store.append(Buffer.from(linesOf(768, 770)));
      await store.seal(0);
      for (const each of [store, await again()]) {
        const segments = await each.segments();
        assert.deepEqual(
          segments.map(({ first, bytes, sealed }) => [first, bytes, sealed]),
          [
            [0, lines.length, true],
            [768, linesOf(768, 770).length, false],
          ],
        );
        for (const offset of [0, 1, 20_000, lines.length - 1, lines.length])
          assert.equal(await contents(each, 0, offset), lines.slice(offset));
        for (const index of [0, 255, 256, 700]) {
          const near = await each.seek(0, index);
          assert.ok(near.index <= index);
          assert.equal(near.offset, linesOf(0, near.index).length);
        }
      }
      for await (const block of store.read(0)) block.fill(0);
      assert.equal(await contents(store, 0), lines);
    }));

  test(`${name}: a sealed segment is final, and sealing it again changes nothing`, () =>
    using(async (store) => {
      await store.openSegment(0);
      await store.append(Buffer.from(linesOf(0, 256)));
      await store.openSegment(256);
      await store.seal(0);
      await store.seal(0);
      assert.equal(await contents(store, 0), linesOf(0, 256));
      await assert.rejects(store.openSegment(0), { code: 'LOG_DAMAGED' });
      await assert.rejects(store.setAside(0, 5), { code: 'LOG_DAMAGED' });
      await assert.rejects(store.setAside(0, 0), { code: 'LOG_DAMAGED' });
    }));

  test(`${name}: only whole multiples of 256 lines are sealed, and a refusal leaves the plain form`, () =>
    using(async (store) => {
      for (const [first, text] of [
        [0, linesOf(0, 255)],
        [256, linesOf(256, 513)],
        [1024, `${linesOf(1024, 1279)}{"half":`],
        [2048, ''],
      ] as const) {
        await store.openSegment(first);
        await store.append(Buffer.from(text));
        await assert.rejects(store.seal(first), { code: 'LOG_DAMAGED' }, String(first));
        assert.equal(await contents(store, first), text);
      }
      assert.ok((await store.segments()).every(({ sealed }) => !sealed));
    }));

  test(`${name}: sealing goes on beside appending, and ends when it is told to`, () =>
    using(async (store) => {
      await store.openSegment(0);
      await store.append(Buffer.from(linesOf(0, 512)));
      await store.openSegment(512);
      await Promise.all([store.seal(0), store.append(Buffer.from(linesOf(512, 515)))]);
      assert.equal(await contents(store, 512), linesOf(512, 515));
      await store.append(Buffer.from(linesOf(515, 768)));
      const reason = new Error('stopped');
      await assert.rejects(store.seal(512, AbortSignal.abort(reason)), reason);
      assert.equal((await store.segments()).at(-1)?.sealed, false);
      assert.equal(await contents(store, 512), linesOf(512, 768));
    }));

  test(`${name}: what begins before an entry is removed in every form, with what was set aside from it, and again harmlessly`, () =>
    using(async (store, again) => {
      for (const first of [0, 256, 512]) {
        await store.openSegment(first);
        await store.append(Buffer.from(`${linesOf(first, first + 256)}${first === 256 ? 'torn' : ''}`));
      }
      await store.setAside(256, linesOf(256, 512).length);
      await store.seal(0);
      await store.openSegment(768);
      for (let times = 0; times < 2; times++) {
        await store.removeBefore(512);
        await store.append(Buffer.from(linesOf(768 + times, 769 + times)));
        for (const each of [store, await again()])
          assert.deepEqual(
            (await each.segments()).map(({ first }) => first),
            [512, 768],
          );
      }
      assert.equal(await contents(store, 512), linesOf(512, 768));
      assert.equal(await contents(store, 768), linesOf(768, 770));
      await store.openSegment(256);
      await store.append(Buffer.from('new\ntorn'));
      assert.match((await store.setAside(256, 4)).name, /torn-0$/, 'what was set aside before is gone');
    }));

  test(`${name}: a removed object is gone, also after opening again, and may be removed again`, () =>
    using(async (store, again) => {
      await store.objects.put('pruned/a.json', Buffer.from('one'));
      await store.objects.put('pruned/b.json', Buffer.from('two'));
      for (let times = 0; times < 2; times++) await store.objects.remove('pruned/a.json');
      await store.objects.remove('nowhere/at/all');
      assert.deepEqual(await (await again()).objects.list('pruned/'), ['pruned/b.json']);
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
