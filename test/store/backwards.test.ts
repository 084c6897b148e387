import assert from 'node:assert/strict';
import { appendFile, mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import fc from 'fast-check';
import { LIMITS } from '../../src/core/limits.ts';
import { type OverlongLine, readBackwards } from '../../src/store/file/backwards.ts';
import { segmentName } from '../../src/store/file/names.ts';
import { alter, sealedPath, tableOf, writeSegments } from '../support/sealed.ts';

const made: string[] = [];
after(() => Promise.all(made.map((path) => rm(path, { recursive: true, force: true }))));

async function logOf(segments: readonly (readonly [first: number, bytes: Buffer])[]): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'tally-backwards-'));
  made.push(directory);
  await mkdir(join(directory, 'entries'));
  for (const [first, bytes] of segments)
    await writeFile(join(directory, 'entries', segmentName(first)), bytes);
  return directory;
}

async function readAll(directory: string) {
  const backwards = await readBackwards(directory);
  const lines: string[] = [];
  const places: string[] = [];
  const overlong: OverlongLine[] = [];
  for await (const block of backwards.blocks()) {
    overlong.push(...block.overlong);
    for (let i = block.bounds.length - 2; i >= 0; i -= 2) {
      const start = block.bounds[i] ?? 0;
      lines.push(block.bytes.toString('latin1', start, block.bounds[i + 1]));
      places.push(`${block.first}:${block.offset + start}`);
    }
  }
  return { lines, places, overlong, end: backwards.end, unfinished: backwards.unfinished };
}

const joined = (lines: readonly string[]): Buffer =>
  Buffer.from(lines.map((line) => `${line}\n`).join(''), 'latin1');

describe('reading backwards', () => {
  it('gives every line of every segment, newest first, with its place', async () => {
    // Lines around and beyond the size of the first block, so that they straddle blocks.
    const line = fc.oneof(
      fc.string({ maxLength: 20 }).map((text) => text.replaceAll('\n', '')),
      fc.integer({ min: 30_000, max: 66_000 }).map((length) => 'x'.repeat(length)),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(line, { maxLength: 8 }), { minLength: 1, maxLength: 3 }),
        async (segments) => {
          const encoded = segments.map((lines) => lines.map((text) => Buffer.from(text).toString('latin1')));
          const directory = await logOf(encoded.map((lines, i) => [i * 1000, joined(lines)]));
          const { lines, places } = await readAll(directory);
          assert.deepEqual(lines, encoded.flat().reverse());
          const expected = encoded.flatMap((held, i) => {
            let offset = 0;
            return held.map((text) => {
              const place = `${i * 1000}:${offset}`;
              offset += text.length + 1;
              return place;
            });
          });
          assert.deepEqual(places, expected.reverse());
        },
      ),
      { numRuns: 60 },
    );
  });

  it('reads sealed segments like plain ones, with the same places', async () => {
    const bounds = [0, 768, 1024, 1300];
    const plain = await logOf([]);
    await writeSegments(plain, bounds, []);
    const sealed = await logOf([]);
    await writeSegments(sealed, bounds, [0, 768]);
    const [a, b] = [await readAll(plain), await readAll(sealed)];
    assert.deepEqual(b, a);
    assert.equal(b.lines.length, 1300);
  });

  it('refuses a sealed segment when it gets to what is damaged in it, and not before', async () => {
    const directory = await logOf([]);
    await writeSegments(directory, [0, 1024, 1030], [0]);
    const { frames } = await tableOf(sealedPath(directory, 0));
    await alter(sealedPath(directory, 0), (bytes) => {
      bytes.fill(0x55, (frames[1]?.at ?? 0) + 20, (frames[1]?.at ?? 0) + 60);
      return bytes;
    });
    const backwards = await readBackwards(directory);
    let lines = 0;
    await assert.rejects(
      async () => {
        for await (const { bounds } of backwards.blocks()) lines += bounds.length / 2;
      },
      { code: 'LOG_DAMAGED' },
    );
    assert.ok(lines >= 6, String(lines));
  });

  it('leaves out the line that is still being written, and says where the whole ones end', async () => {
    const directory = await logOf([[0, Buffer.from('one\ntwo\nthr')]]);
    const { lines, end, unfinished } = await readAll(directory);
    assert.deepEqual(lines, ['two', 'one']);
    assert.deepEqual(end, { first: 0, offset: 8 });
    assert.equal(unfinished, 3);
  });

  it('counts the unended last line of an older segment as a line: nobody will end it', async () => {
    const directory = await logOf([
      [0, Buffer.from('one\ntw')],
      [2, Buffer.from('three\n')],
    ]);
    assert.deepEqual((await readAll(directory)).lines, ['three', 'tw', 'one']);
  });

  it('reads an empty log, and one that is not there, as no lines', async () => {
    assert.deepEqual((await readAll(await logOf([[0, Buffer.alloc(0)]]))).lines, []);
    assert.equal((await readAll(join(await logOf([]), 'nowhere'))).end, undefined);
  });

  it('names a line that is longer than an entry can be without holding it in memory, and reads on before it', async () => {
    const long = LIMITS.entryBytes * 40;
    const directory = await logOf([[0, joined(['first', 'y'.repeat(long), 'last'])]]);
    const { lines, overlong } = await readAll(directory);
    assert.deepEqual(lines, ['last', 'first']);
    assert.deepEqual(
      overlong.map(({ offset, first }) => [first, offset]),
      [[0, 6]],
    );
    assert.ok((overlong[0]?.bytes ?? 0) >= long);
  });

  it('does not see what is appended after it began', async () => {
    const directory = await logOf([[0, joined(['one'])]]);
    const backwards = await readBackwards(directory);
    await appendFile(join(directory, 'entries', segmentName(0)), 'two\n');
    const seen: string[] = [];
    for await (const { bytes, bounds } of backwards.blocks())
      seen.push(bytes.toString('utf8', bounds[0], bounds[1]));
    assert.deepEqual(seen, ['one']);
  });

  it('refuses a file that becomes shorter while it is read', async () => {
    const directory = await logOf([[0, joined(['one', 'two', 'three'])]]);
    const backwards = await readBackwards(directory);
    await truncate(join(directory, 'entries', segmentName(0)), 4);
    await assert.rejects(
      async () => {
        for await (const block of backwards.blocks()) assert.ok(block);
      },
      { code: 'LOG_DAMAGED' },
    );
  });
});
