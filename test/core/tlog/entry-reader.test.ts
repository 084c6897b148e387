import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../../../src/core/limits.ts';
import { createEntryReader } from '../../../src/core/tlog/entry-reader.ts';
import { BLOCK_BYTES, endlessLine } from '../../support/endless.ts';

test('a line without an end takes little memory, and what comes after it is found in its place', async () => {
  const { reader, most } = endlessLine('end\nnext\n');
  const [long, next] = await createEntryReader(reader).lines(0, 2);
  assert.ok((long?.length ?? 0) > LIMITS.entryBytes, 'whoever gets it sees that it is no entry');
  assert.equal(String(Buffer.from(next ?? [])), 'next');
  assert.ok(most() < 16 * BLOCK_BYTES, `${most()} bytes`);
  assert.deepEqual(await createEntryReader(endlessLine().reader).lines(0, 1), []);
});
