import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import fc from 'fast-check';
import { LIMITS } from '../../src/core/limits.ts';
import { encodeSeekTable } from '../../src/core/sealed/table.ts';
import { segmentName } from '../../src/store/file/names.ts';
import { fileReader } from '../../src/store/file/reader.ts';
import { openSegmentFile } from '../../src/store/file/segment.ts';
import { openFileStore } from '../../src/store/file/store.ts';
import { contents } from '../suites/store.ts';
import { alter, left, linesOf, sealedPath, tableOf, writeSegments } from '../support/sealed.ts';

const made: string[] = [];
after(() => Promise.all(made.map((path) => rm(path, { recursive: true, force: true }))));

const ENTRIES = 1024;

async function scratch(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'tally-sealed-'));
  made.push(directory);
  return directory;
}

/** Segment 0 sealed, with four frames; segment 1024 plain and open. */
async function sealedLog(): Promise<{ directory: string; path: string }> {
  const directory = await scratch();
  await writeSegments(directory, [0, ENTRIES, ENTRIES + 3], [0]);
  return { directory, path: sealedPath(directory, 0) };
}

/** A sealed file of these frames, with a table that tells of them as they are. */
function fileOf(frames: readonly { readonly frame: Uint8Array; readonly bytes: number }[]): Buffer {
  const table = encodeSeekTable(frames.map(({ frame, bytes }) => ({ length: frame.length, bytes })));
  return Buffer.concat([...frames.map(({ frame }) => frame), table]);
}

const frameOf = (text: string) => ({ frame: zstdCompressSync(text), bytes: Buffer.byteLength(text) });

describe('a sealed segment on disk', () => {
  it('is what zstdcat reads as the plain segment', async () => {
    const { path } = await sealedLog();
    const { stdout, status, stderr } = spawnSync('zstdcat', [path], { maxBuffer: 64 * 1024 * 1024 });
    assert.equal(status, 0, String(stderr));
    assert.equal(String(stdout), linesOf(0, ENTRIES));
    const listed = spawnSync('zstd', ['--list', '-v', path], { encoding: 'utf8' });
    assert.match(listed.stdout, /# Zstandard Frames: 4\n/);
    assert.match(listed.stdout, /# Skippable Frames: 1\n/);
  });

  it('has one frame for 256 lines, so that Node, which stops after a frame, must be given them one by one', async () => {
    const { path, directory } = await sealedLog();
    const bytes = await readFile(path);
    // If this fails Node reads on, and decoding frame by frame is no longer what saves us.
    assert.equal(String(zstdDecompressSync(bytes)), linesOf(0, 256));
    assert.equal((await tableOf(path)).frames.length, 4);
    assert.equal(await contents(fileReader(directory), 0), linesOf(0, ENTRIES));
  });

  it('gives the bytes at any place, however far', async () => {
    const { directory } = await sealedLog();
    const all = Buffer.from(linesOf(0, ENTRIES));
    const file = await openSegmentFile(join(directory, 'entries'), 0);
    assert.ok(file?.sealed);
    assert.equal(await file.size(), all.length);
    await fc.assert(
      fc.asyncProperty(fc.nat(all.length + 10), fc.nat(60_000), async (position, length) => {
        const bytes = await file.readAt(position, length);
        assert.ok(bytes.equals(all.subarray(position, position + length)));
      }),
      { numRuns: 200 },
    );
    await file.close();
  });

  it('is 0600 and leaves nothing else behind', async () => {
    const { directory, path } = await sealedLog();
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    assert.deepEqual((await readdir(join(directory, 'entries'))).sort(), [
      '000000000000.jsonl.zst',
      '000000001024.jsonl',
    ]);
  });
});

describe('damage in a sealed segment', () => {
  /** Every whole frame but those in `lost`. */
  const without = (...lost: number[]): string =>
    [0, 1, 2, 3]
      .filter((frame) => !lost.includes(frame))
      .map((frame) => linesOf(frame * 256, (frame + 1) * 256))
      .join('');

  async function refused(directory: string): Promise<void> {
    await assert.rejects(contents(fileReader(directory), 0), { code: 'LOG_DAMAGED' });
  }

  it('anywhere in a frame loses the 256 entries of that frame, and no other', async () => {
    const { directory, path } = await sealedLog();
    const { frames } = await tableOf(path);
    const good = await readFile(path);
    await fc.assert(
      fc.asyncProperty(fc.nat(3), fc.nat(), fc.integer({ min: 1, max: 255 }), async (number, at, flip) => {
        const frame = frames[number];
        assert.ok(frame);
        const bytes = Buffer.from(good);
        const place = frame.at + (at % frame.length);
        bytes[place] = (bytes[place] ?? 0) ^ flip;
        await writeFile(path, bytes);
        const { text, damage } = await left(fileReader(directory), 0);
        // One bit of a frame's header is not used.
        if (text === linesOf(0, ENTRIES)) return;
        assert.equal(text, without(number));
        assert.deepEqual(
          damage.map(({ segment, lost }) => ({ segment, lost })),
          [{ segment: 0, lost: { from: number * 256, to: number * 256 + 256 } }],
        );
        await refused(directory);
      }),
      { numRuns: 150 },
    );
  });

  it('of its table, torn off at any byte or with any byte changed, loses no entry and does not go unnoticed', async () => {
    const { directory, path } = await sealedLog();
    const good = await readFile(path);
    const table = good.length - 8 - 4 * 8 - 9;
    for (let end = table; end < good.length; end++) {
      await writeFile(path, good.subarray(0, end));
      const { text, damage } = await left(fileReader(directory), 0);
      assert.equal(text, linesOf(0, ENTRIES), `cut at ${end}`);
      assert.ok(damage.length > 0 && damage.every(({ lost }) => lost === undefined), `cut at ${end}`);
      await refused(directory);
    }
    for (let at = table; at < good.length; at++) {
      const bytes = Buffer.from(good);
      bytes[at] = (bytes[at] ?? 0) ^ 0xfc;
      await writeFile(path, bytes);
      const { text, damage } = await left(fileReader(directory), 0);
      assert.ok(damage.length > 0, `changed at ${at}`);
      // A size that the table lies about costs the frame that it is told of.
      const most = damage.flatMap(({ lost }) => (lost === undefined ? [] : [(lost.from / 256) | 0]));
      assert.equal(text, without(...most), `changed at ${at}`);
      await refused(directory);
    }
  });

  it('that takes the end of the file leaves the frames before it', async () => {
    const { directory, path } = await sealedLog();
    const { frames } = await tableOf(path);
    await truncate(path, (frames[2]?.at ?? 0) + 10);
    const { text, damage } = await left(fileReader(directory), 0);
    assert.equal(text, linesOf(0, 512));
    assert.ok(damage.length > 0);
    const [first] = await fileReader(directory).segments();
    assert.equal(first?.sealed, true);
  });

  it('that takes a frame out is a hole, whether the table was made again or not', async () => {
    const { directory, path } = await sealedLog();
    const { frames } = await tableOf(path);
    const gone = frames[1];
    assert.ok(gone);
    await alter(path, (bytes) =>
      Buffer.concat([bytes.subarray(0, gone.at), bytes.subarray(gone.at + gone.length)]),
    );
    const torn = await left(fileReader(directory), 0);
    assert.equal(torn.text, without(1));
    assert.deepEqual(torn.damage.at(-1)?.lost, { from: 256, to: 512 });
    // With a table that fits, the file is whole in itself: the entries say what is missing.
    await writeFile(path, fileOf([0, 2, 3].map((n) => frameOf(linesOf(n * 256, (n + 1) * 256)))));
    assert.deepEqual(await left(fileReader(directory), 0), { text: without(1), damage: [] });
  });

  it('is a frame without exactly 256 lines, and bytes behind a frame that the table counts to it', async () => {
    const { directory, path } = await sealedLog();
    const [a, b, hidden] = [linesOf(0, 256), linesOf(256, 512), frameOf('{"hidden":1}\n')];
    for (const wrong of [
      frameOf(linesOf(256, 511)),
      frameOf(linesOf(256, 513)),
      frameOf(`${linesOf(256, 511)}{"no":"newline"}`),
      frameOf(`${linesOf(256, 512)}{`),
      { frame: Buffer.concat([frameOf(b).frame, hidden.frame]), bytes: b.length },
      { frame: Buffer.concat([frameOf(b).frame, Buffer.from('5e2a4d180100000000', 'hex')]), bytes: b.length },
      { frame: Buffer.concat([frameOf(b).frame, Buffer.from('junk')]), bytes: b.length },
      { frame: Buffer.from('not zstd at all'), bytes: b.length },
      { frame: frameOf(b).frame, bytes: b.length - 1 },
      { frame: frameOf(b).frame, bytes: b.length + 1 },
    ]) {
      await writeFile(path, fileOf([frameOf(a), wrong, frameOf(linesOf(512, 768))]));
      const { text, damage } = await left(fileReader(directory), 0);
      assert.equal(text, a + linesOf(512, 768));
      assert.deepEqual(damage[0]?.lost, { from: 256, to: 512 });
      await refused(directory);
    }
  });

  it('ends in bounded memory for a frame that decompresses without end, with and without a table', async () => {
    const { directory, path } = await sealedLog();
    const bomb = zstdCompressSync(Buffer.alloc(LIMITS.sealedFrameBytes * 4));
    const good = frameOf(linesOf(256, 512));
    await writeFile(path, fileOf([{ frame: bomb, bytes: LIMITS.sealedFrameBytes }, good]));
    assert.equal((await left(fileReader(directory), 0)).text, linesOf(256, 512));
    await writeFile(path, Buffer.concat([bomb, good.frame]));
    const { text, damage } = await left(fileReader(directory), 0);
    assert.equal(text, linesOf(256, 512));
    assert.deepEqual(damage.at(-1)?.lost, { from: 0, to: 256 });
  });

  it('is an answer for a file of anything', async () => {
    const { directory, path } = await sealedLog();
    const magic = Buffer.from('28b52ffd', 'hex');
    for (const bytes of [Buffer.alloc(0), Buffer.alloc(100_000), Buffer.concat(Array(50_000).fill(magic))]) {
      await writeFile(path, bytes);
      const { text, damage } = await left(fileReader(directory), 0);
      assert.equal(text, '');
      assert.deepEqual(damage.at(-1)?.lost, { from: 0 });
      assert.equal((await fileReader(directory).segments()).length, 2);
      await refused(directory);
    }
  });
});

describe('sealing that was cut short', () => {
  /** What each step leaves behind, from a log before sealing and the same log after it. */
  async function states() {
    const plain = await scratch();
    await writeSegments(plain, [0, ENTRIES, ENTRIES + 3], []);
    const { path } = await sealedLog();
    return { lines: await readFile(join(plain, 'entries', segmentName(0))), sealed: await readFile(path) };
  }

  async function ends(files: Readonly<Record<string, Uint8Array>>): Promise<void> {
    const directory = await scratch();
    await writeSegments(directory, [0, ENTRIES, ENTRIES + 3], []);
    const entries = join(directory, 'entries');
    await rm(join(entries, segmentName(0)));
    for (const [name, bytes] of Object.entries(files)) await writeFile(join(entries, name), bytes);
    const store = await openFileStore(directory);
    assert.equal(await contents(store, 0), linesOf(0, ENTRIES));
    assert.equal((await store.segments()).length, 2);
    await store.seal(0);
    assert.equal(await contents(store, 0), linesOf(0, ENTRIES));
    assert.deepEqual((await readdir(entries)).sort(), ['000000000000.jsonl.zst', '000000001024.jsonl']);
    assert.ok((await stat(sealedPath(directory, 0))).size > 0);
    await store.close();
  }

  it('at any step is read as before, and ends the same when it is done again', async () => {
    const { lines, sealed } = await states();
    const [plain, zst] = ['000000000000.jsonl', '000000000000.jsonl.zst'];
    await ends({ [plain]: lines });
    await ends({ [plain]: lines, [`${zst}.tmp`]: sealed.subarray(0, 1000) });
    await ends({ [plain]: lines, [`${zst}.tmp`]: sealed });
    await ends({ [plain]: lines, [zst]: sealed });
    await ends({ [zst]: sealed });
  });

  it('does not begin while a sealed file lies there that is not the same: it may hold what the plain one lost', async () => {
    const { lines, sealed } = await states();
    const other = fileOf([frameOf(linesOf(1, 257))]);
    const flipped = Buffer.from(sealed);
    flipped[100] = (flipped[100] ?? 0) ^ 1;
    const whole = Buffer.from(linesOf(0, 256));
    for (const [plain, zst] of [
      [lines, other],
      [lines, flipped],
      [lines, sealed.subarray(0, 2000)],
      [lines, Buffer.alloc(0)],
      // Out of a backup of when the segment was open.
      [whole, sealed],
    ] as const) {
      const directory = await scratch();
      const store = await openFileStore(directory);
      const files = { [segmentName(0)]: plain, '000000000000.jsonl.zst': zst };
      for (const [name, bytes] of Object.entries(files))
        await writeFile(join(directory, 'entries', name), bytes);
      await assert.rejects(store.seal(0), { code: 'LOG_DAMAGED' });
      for (const [name, bytes] of Object.entries(files))
        assert.deepEqual(await readFile(join(directory, 'entries', name)), Buffer.from(bytes));
      await store.close();
    }
  });

  it('while both forms lie there, nothing may be cut from the plain one: the sealed one would count again', async () => {
    const { directory, path } = await sealedLog();
    await writeFile(join(directory, 'entries', segmentName(0)), linesOf(0, ENTRIES));
    const store = await openFileStore(directory);
    await assert.rejects(store.setAside(0, 0), { code: 'LOG_DAMAGED' });
    await assert.rejects(store.openSegment(0), { code: 'LOG_DAMAGED' });
    await store.close();
    assert.ok((await stat(path)).size > 0);
  });

  it('that cannot write leaves the plain form alone, and ends well when it can again', async () => {
    const directory = await scratch();
    await writeSegments(directory, [0, ENTRIES, ENTRIES + 3], []);
    const store = await openFileStore(directory);
    // A directory in the way of the temporary file fails for root too.
    await openFileStore(join(directory, 'entries', '000000000000.jsonl.zst.tmp'));
    await assert.rejects(store.seal(0), (error: { code?: string }) => /^LOG_/.test(error.code ?? ''));
    assert.equal(await contents(store, 0), linesOf(0, ENTRIES));
    await rm(join(directory, 'entries', '000000000000.jsonl.zst.tmp'), { recursive: true });
    await store.seal(0);
    assert.equal(await contents(store, 0), linesOf(0, ENTRIES));
    await store.close();
  });

  it('does not disturb a reader that has begun', async () => {
    const directory = await scratch();
    await writeSegments(directory, [0, ENTRIES, ENTRIES + 3], []);
    const store = await openFileStore(directory);
    const reader = fileReader(directory);
    const blocks: Buffer[] = [];
    for await (const block of reader.read(0)) {
      if (blocks.length === 0) await store.seal(0);
      blocks.push(Buffer.from(block));
    }
    assert.equal(String(Buffer.concat(blocks)), linesOf(0, ENTRIES));
    await store.close();
  });

  it('is not seen in a listing, however often one is made meanwhile', async () => {
    const directory = await scratch();
    const bounds = Array.from({ length: 21 }, (_, i) => i * 256);
    await writeSegments(directory, bounds, []);
    const store = await openFileStore(directory);
    const reader = fileReader(directory);
    let over = false;
    const listing = (async () => {
      while (!over) {
        const segments = await reader.segments();
        assert.deepEqual(
          segments.map(({ first, bytes }) => [first, bytes]),
          bounds.slice(0, -1).map((first) => [first, linesOf(first, first + 256).length]),
        );
      }
    })();
    for (const first of bounds.slice(0, -1)) await store.seal(first);
    over = true;
    await listing;
    await store.close();
  });
});
