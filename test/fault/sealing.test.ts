/** What is compressed is read back before the plain form goes: a disk that holds something else is noticed in time. */
import assert from 'node:assert/strict';
import { closeSync, openSync, writeSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { sealSegment } from '../../src/store/file/seal.ts';
import { linesOf, writeSegments } from '../support/sealed.ts';

/** More than are read ahead. */
const FRAMES = 12;
const ENTRIES = FRAMES * 256;

/** A full segment and one entry of the next, in a directory that is gone afterwards. */
async function withSegment(use: (entries: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'tally-seal-'));
  try {
    await writeSegments(directory, [0, ENTRIES, ENTRIES + 1], []);
    await use(join(directory, 'entries'));
  } finally {
    await rm(directory, { recursive: true });
  }
}

const plainLines = (entries: string): Promise<string> =>
  readFile(join(entries, '000000000000.jsonl'), 'utf8');

describe('a segment that is sealed', () => {
  it('loses its plain form when what was written reads back', () =>
    withSegment(async (entries) => {
      await sealSegment(entries, 0);
      assert.deepEqual((await readdir(entries)).sort(), ['000000000000.jsonl.zst', '000000003072.jsonl']);
    }));

  it('keeps its plain form when what was written does not read back', () =>
    withSegment(async (entries) => {
      const beside = join(entries, '000000000000.jsonl.zst.tmp');
      const { signal } = new AbortController();
      // Asked at each frame: once for each that is written, then for each that is read back. At the first of those the
      // file is there whole, and its last frame is not read yet.
      let asked = 0;
      signal.throwIfAborted = () => {
        if (++asked !== FRAMES + 1) return;
        const file = openSync(beside, 'r+');
        writeSync(file, 'damage', size - 200);
        closeSync(file);
      };
      const { size } = await sizeOfSealed();
      await assert.rejects(sealSegment(entries, 0, signal), /does not read back/);
      assert.ok(asked > FRAMES);
      assert.equal(await plainLines(entries), linesOf(0, ENTRIES));
      assert.deepEqual((await readdir(entries)).sort(), ['000000000000.jsonl', '000000003072.jsonl']);
    }));
});

/** Of the same segment in a directory of its own. */
async function sizeOfSealed(): Promise<{ readonly size: number }> {
  const directory = await mkdtemp(join(tmpdir(), 'tally-seal-'));
  try {
    await writeSegments(directory, [0, ENTRIES], [0]);
    return await stat(join(directory, 'entries', '000000000000.jsonl.zst'));
  } finally {
    await rm(directory, { recursive: true });
  }
}
