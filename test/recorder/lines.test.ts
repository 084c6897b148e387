import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LIMITS } from '../../src/core/limits.ts';
import type { LogReader } from '../../src/core/ports.ts';
import { scanLines } from '../../src/recorder/lines.ts';
import { openMemoryStore } from '../../src/store/memory.ts';
import { BLOCK_BYTES, endlessLine } from '../support/endless.ts';

const reading = (blocks: () => Iterable<Buffer>): LogReader => ({
  ...openMemoryStore(),
  async *read() {
    yield* blocks();
  },
});

async function linesOf(blocks: readonly Buffer[]) {
  const found: { text: string | undefined; offset: number }[] = [];
  await scanLines(
    reading(() => blocks),
    0,
    ({ bytes, start, end, offset, whole }) => {
      found.push({ text: whole ? bytes.toString('latin1', start, end) : undefined, offset });
      return true;
    },
  );
  return found;
}

test('lines and their places are the same however the file is cut into blocks', async () => {
  const most = LIMITS.entryBytes;
  const line = fc.oneof(
    { weight: 6, arbitrary: fc.nat(40) },
    { weight: 1, arbitrary: fc.integer({ min: most - 1, max: most + 2 }) },
    { weight: 1, arbitrary: fc.integer({ min: 2 * most, max: 5 * most }) },
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(line, { maxLength: 8 }),
      fc.nat(3 * most),
      fc.integer({ min: 7, max: 2 * most }),
      async (lengths, open, size) => {
        const bytes = Buffer.from(`${lengths.map((n) => `${'x'.repeat(n)}\n`).join('')}${'y'.repeat(open)}`);
        const blocks: Buffer[] = [];
        for (let at = 0; at < bytes.length; at += size)
          blocks.push(Buffer.from(bytes.subarray(at, at + size)));
        let offset = 0;
        const expected = lengths.map((n) => {
          const at = offset;
          offset += n + 1;
          return { text: n <= most ? 'x'.repeat(n) : undefined, offset: at };
        });
        if (open > 0) expected.push({ text: undefined, offset });
        assert.deepEqual(await linesOf(blocks), expected);
      },
    ),
    { numRuns: 60 },
  );
});

test('a file without an end of a line takes no more memory than a block of it', async () => {
  const { reader, most } = endlessLine();
  let last: { offset: number; whole: boolean } | undefined;
  await scanLines(reader, 0, ({ offset, whole }) => {
    last = { offset, whole };
    return true;
  });
  assert.deepEqual(last, { offset: 0, whole: false });
  assert.ok(most() < 16 * BLOCK_BYTES, `${most()} bytes`);
});
