import assert from 'node:assert/strict';
import { mkdtemp, rm, truncate, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, it } from 'node:test';
import fc from 'fast-check';
import type { LineSlices, SlicePlace } from '../../src/core/ports.ts';
import { segmentName } from '../../src/store/file/names.ts';
import { fileSlices } from '../../src/store/file/slices.ts';
import { linesOf, sealedPath, writeSegments } from '../support/sealed.ts';

const made: string[] = [];
afterEach(async () => {
  for (const directory of made.splice(0)) await rm(directory, { recursive: true, force: true });
});

/** Segments of 512 lines up to 1,400; the first one is sealed. */
async function log(sealed: readonly number[] = [0]) {
  const directory = await mkdtemp(join(tmpdir(), 'tally-slices-'));
  made.push(directory);
  await writeSegments(directory, [0, 512, 1024, 1400], sealed);
  return { directory, slices: fileSlices(directory) };
}

const all = linesOf(0, 1400).split('\n').slice(0, -1);

async function read(
  slices: LineSlices,
  from: number,
  end: number,
  most: number,
): Promise<(string | number)[]> {
  const got: (string | number)[] = [];
  let place: SlicePlace | { readonly index: number } = { index: from };
  while (place.index < end) {
    const slice = await slices.read(place, end, most);
    assert.equal(slice.from, place.index);
    if (slice.kind === 'lost') {
      assert.ok(slice.to > slice.from);
      for (let i = slice.from; i < slice.to; i++) got.push(i);
      place = { index: slice.to };
      continue;
    }
    assert.ok(slice.bounds.length > 0);
    for (let i = 0; i < slice.bounds.length; i += 2)
      got.push(slice.bytes.toString('utf8', slice.bounds[i], slice.bounds[i + 1]));
    place = slice.next;
  }
  return got;
}

describe('slices of a log', () => {
  it('give every line from any index up to any end, whatever their size, out of both forms', async () => {
    const { slices } = await log();
    await fc.assert(
      fc.asyncProperty(
        fc.nat(1400),
        fc.nat(1400),
        fc.integer({ min: 1, max: 200_000 }),
        async (a, b, most) => {
          const [from, end] = a < b ? [a, b] : [b, a];
          assert.deepEqual(
            await read(slices, from, end, Math.max(most, (end - from) * 10)),
            all.slice(from, end),
          );
        },
      ),
      { numRuns: 30 },
    );
  });

  it('go on where they were when a segment was sealed meanwhile', async () => {
    const plain = await log([]);
    const slice = await plain.slices.read({ index: 100 }, 1400, 1_000);
    assert.ok(slice.kind === 'lines');
    const other = await log([0]);
    const next = await other.slices.read(slice.next, 1400, 1_000);
    assert.ok(next.kind === 'lines');
    assert.equal(next.bytes.toString('utf8', next.bounds[0], next.bounds[1]), all[slice.next.index]);
  });

  it('tell what is not there, and go on behind it', async () => {
    const { directory, slices } = await log();
    const missing = (from: number, to: number): number[] =>
      Array.from({ length: to - from }, (_, i) => from + i);
    await unlink(join(directory, 'entries', segmentName(512)));
    assert.deepEqual(await read(slices, 500, 1030, 4_000), [
      ...all.slice(500, 512),
      ...missing(512, 1024),
      ...all.slice(1024, 1030),
    ]);
    await unlink(sealedPath(directory, 0));
    assert.deepEqual((await read(slices, 0, 1030, 4_000)).slice(0, 1024), missing(0, 1024));
    await truncate(join(directory, 'entries', segmentName(1024)), linesOf(1024, 1030).length + 3);
    assert.deepEqual(await read(slices, 1024, 1040, 4_000), [
      ...all.slice(1024, 1030),
      ...missing(1030, 1040),
    ]);
    await writeFile(sealedPath(directory, 512), 'no frame');
    assert.deepEqual((await read(slices, 512, 1026, 4_000)).slice(0, 512), missing(512, 1024));
  });
});
