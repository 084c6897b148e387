/** The end of the log torn off at every byte, where one segment ends and the next begins. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { openFileStore } from '../../src/store/file/store.ts';
import { entriesOf } from '../support/recorder.ts';
import { assertVerifies } from '../support/verify.ts';
import { SEGMENT_ENTRIES } from './scripts.ts';
import { note, PRODUCER, standingAt } from './segments.ts';

describe('a log whose end is torn off at any byte', { concurrency: true }, () => {
  for (const [name, seal] of [
    ['in the last line of a full segment', false],
    ['in a line after a segment that is sealed', true],
  ] as const) {
    it(`${name} goes on with every whole line, and the rest is set aside and said`, async () => {
      // The close of the first start, the opening of the second, then what is torn.
      const standing = await standingAt(seal ? SEGMENT_ENTRIES - 1 : SEGMENT_ENTRIES - 2);
      const { box } = standing;
      let recorder = await box.open({ segmentEntries: SEGMENT_ENTRIES });
      if (seal) await recorder.record(note(0), PRODUCER);
      await recorder.checkpoint();
      await recorder.sealed();
      assert.equal(box.disk.sealed.has(0), seal);
      const first = seal ? SEGMENT_ENTRIES : 0;
      const signed = box.disk.segments.get(first)?.length ?? 0;
      const objects = new Map(box.disk.objects);
      const heads = new Map(box.heads);
      // Not signed any more. In the first case it is the last of its segment.
      const told = [await recorder.record(note(1), PRODUCER)];
      const full = Buffer.from(box.disk.segments.get(first) ?? []);
      const sealed = new Set(box.disk.sealed);
      const others = [...box.disk.segments].filter(([key]) => key < first);
      await recorder.close('test');

      for (let length = signed; length <= full.length; length++) {
        box.disk.segments.clear();
        for (const [key, bytes] of others) box.disk.segments.set(key, bytes);
        box.disk.segments.set(first, Buffer.from(full.subarray(0, length)));
        box.disk.sealed.clear();
        for (const key of sealed) box.disk.sealed.add(key);
        box.disk.torn.clear();
        box.disk.objects.clear();
        for (const [key, bytes] of objects) box.disk.objects.set(key, bytes);
        box.heads.clear();
        for (const [key, bytes] of heads) box.heads.set(key, bytes);
        recorder = await box.open({ segmentEntries: SEGMENT_ENTRIES });
        await recorder.close('test');

        const whole = full.subarray(0, length).lastIndexOf('\n') + 1;
        const torn = Buffer.concat([...box.disk.torn.values()]);
        assert.deepEqual(torn, full.subarray(whole, length));
        const entries = entriesOf(box.disk);
        const kept = full.subarray(signed, whole).toString('utf8').split('\n').length - 1;
        for (const { id, index } of told.slice(0, kept)) assert.equal(entries[index]?.id, id);
        assert.equal(
          entries.some(({ type }) => type === 'log.recover'),
          whole !== length,
        );
        await assertVerifies(box, { tornTails: torn.length > 0 });
      }
    });
  }
});

describe('a torn tail on the disk', () => {
  it('is in its own file, byte for byte, before it is cut off', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'tally-torn-'));
    try {
      const store = await openFileStore(directory);
      await store.openSegment(0);
      await store.append(Buffer.from('whole\nhalf of a li'));
      const { name } = await store.setAside(0, 6);
      await store.close();
      const entries = join(directory, 'entries');
      assert.equal(await readFile(join(entries, name), 'utf8'), 'half of a li');
      assert.equal(await readFile(join(entries, '000000000000.jsonl'), 'utf8'), 'whole\n');
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});
