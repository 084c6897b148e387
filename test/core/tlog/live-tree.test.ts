/** The tree of a stored log, made on the fly: sealed segments, many readers at once, and a segment that grows. */
import assert from 'node:assert/strict';
import { appendFile, cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { sha256Hex } from '../../../src/core/hash.ts';
import type { LogReader } from '../../../src/core/ports.ts';
import { openCheckpoint } from '../../../src/core/tlog/checkpoint.ts';
import { createEntryReader } from '../../../src/core/tlog/entry-reader.ts';
import { verifierFromVkey } from '../../../src/core/tlog/key.ts';
import { liveTree } from '../../../src/core/tlog/live-tree.ts';
import { type PublishedFile, publishTree } from '../../../src/core/tlog/publish.ts';
import { parseTilePath } from '../../../src/core/tlog/tile.ts';
import { fileReader } from '../../../src/store/file/reader.ts';
import { openFileStore } from '../../../src/store/file/store.ts';
import { type LogFiles, sampleDrafts, writeLogFiles } from '../../support/logfiles.ts';

const ENTRIES = 2_000;
let folder: string;
let plain: LogFiles;
let sealed: string;
let expected: PublishedFile[];

async function published(reader: LogReader, vkey: string): Promise<PublishedFile[]> {
  const note = await reader.objects.get('checkpoint');
  assert.ok(note);
  const files: PublishedFile[] = [];
  const blocks = (from: number): AsyncIterable<Uint8Array> => createEntryReader(reader).blocks(from);
  const checkpoint = openCheckpoint(note, [verifierFromVkey(vkey)]);
  for await (const file of publishTree({ note, checkpoint, blocks })) files.push(file);
  return files;
}

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tally-live-'));
  plain = await writeLogFiles(join(folder, 'plain'), sampleDrafts(ENTRIES / 2), { segmentEntries: 512 });
  sealed = join(folder, 'sealed');
  await cp(plain.directory, sealed, { recursive: true });
  const store = await openFileStore(sealed);
  for (const first of [0, 512, 1024]) await store.seal(first);
  await store.close();
  expected = await published(fileReader(plain.directory), plain.vkey);
});
after(() => rm(folder, { recursive: true, force: true }));

describe('the tree of a stored log', () => {
  it('is published from sealed segments as from plain ones', async () => {
    const files = await published(fileReader(sealed), plain.vkey);
    // The order follows from the blocks that are read; only the checkpoint is last for sure.
    const named = (all: readonly PublishedFile[]): string[] =>
      all.map(({ path, bytes }) => `${path} ${sha256Hex(bytes)}`).sort();
    assert.deepEqual(named(files), named(expected));
    assert.equal(files.at(-1)?.path, 'checkpoint');
  });

  it('gives the published bytes for every path, to many readers at once, sealed or not', async () => {
    for (const directory of [plain.directory, sealed]) {
      const tree = liveTree(fileReader(directory));
      const files = expected.filter(({ path }) => path !== 'checkpoint');
      const found = await Promise.all(
        files.toReversed().map(async ({ path, bytes }) => {
          const id = parseTilePath(path);
          assert.ok(id);
          const own = await (id.kind === 'tile' ? tree.tile(id, ENTRIES) : tree.bundle(id, ENTRIES));
          return own !== undefined && Buffer.compare(own, bytes) === 0 ? undefined : path;
        }),
      );
      assert.deepEqual(
        found.filter((path) => path !== undefined),
        [],
      );
    }
  });
});

describe('entries by index', () => {
  it('come from wherever they lie, across segments and up to the end', async () => {
    for (const directory of [plain.directory, sealed]) {
      const entries = createEntryReader(fileReader(directory));
      for (const [from, to] of [
        [0, 1],
        [511, 513],
        [1999, 2000],
        [1990, 3000],
        [500, 1600],
        [0, 0],
        [5000, 5001],
        [700, 701],
      ] as const) {
        const lines = (await entries.lines(from, to)).map((line) => Buffer.from(line).toString());
        assert.deepEqual(
          lines,
          plain.lines.slice(from, to).map((line) => line.toString()),
          `${from} to ${to}`,
        );
      }
    }
  });

  it('are found in a segment that grew since it was looked at', async () => {
    const growing = join(folder, 'growing');
    await cp(plain.directory, growing, { recursive: true });
    const entries = createEntryReader(fileReader(growing));
    assert.equal((await entries.lines(1999, 2001)).length, 1);
    const more = Array.from({ length: 300 }, (_, i) => `{"more":${i}}`);
    await appendFile(join(growing, 'entries/000000001536.jsonl'), `${more.join('\n')}\n`);
    const lines = (await entries.lines(2000, 2300)).map((line) => Buffer.from(line).toString());
    assert.deepEqual(lines, more);
    assert.equal(Buffer.from((await entries.lines(2048, 2049))[0] ?? []).toString(), more[48]);
  });
});
