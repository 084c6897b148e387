/** Verification begins again when the beginning of the log went while it was read, and only then. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { whileSettled } from '../../src/cli/verify-settled.ts';
import { TallyError } from '../../src/core/error.ts';
import { memoryDisk, openMemoryStore } from '../../src/store/memory.ts';

/** A log of which a segment goes at each of the first `prunes` looks at its entries. */
function shrinking(prunes: number) {
  const disk = memoryDisk();
  for (let first = 0; first <= 5 * 256; first += 256) disk.segments.set(first, Buffer.from('{}\n'));
  const firsts: number[] = [];
  const verify = async (first: number): Promise<number> => {
    firsts.push(first);
    if (firsts.length <= prunes) disk.segments.delete(first);
    return first;
  };
  return { reader: openMemoryStore(disk), verify, firsts };
}

test('what was read while nothing went is the answer', async () => {
  const { reader, verify, firsts } = shrinking(0);
  assert.equal(await whileSettled(reader, verify), 0);
  assert.deepEqual(firsts, [0]);
});

test('a prune in between makes it begin again with the new beginning', async () => {
  const { reader, verify, firsts } = shrinking(1);
  assert.equal(await whileSettled(reader, verify), 256);
  assert.deepEqual(firsts, [0, 256]);
});

test('it ends after three attempts, though every one was overtaken', async () => {
  const { reader, verify, firsts } = shrinking(9);
  assert.equal(await whileSettled(reader, verify), 512);
  assert.deepEqual(firsts, [0, 256, 512]);
});

test('a file that went with a prune is no damage, and one that went by itself is', async () => {
  const damage = new TallyError('LOG_DAMAGED', 'a file is gone', { hint: 'look' });
  const { reader, verify } = shrinking(1);
  let attempts = 0;
  const first = await whileSettled(reader, async (begins) => {
    await verify(begins);
    if (attempts++ === 0) throw damage;
    return begins;
  });
  assert.deepEqual([first, attempts], [256, 2]);
  const still = shrinking(0);
  await assert.rejects(
    whileSettled(still.reader, async () => {
      throw damage;
    }),
    damage,
  );
});
