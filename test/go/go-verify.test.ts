/** Programs that share no code with this project verify what its core publishes. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openCheckpoint } from '../../src/core/tlog/checkpoint.ts';
import { verifierFromVkey } from '../../src/core/tlog/key.ts';
import { publishTree } from '../../src/core/tlog/publish.ts';
import { buildLog, sourceOf, type TestLog } from '../core/tlog/fixture.ts';
import { withGoProgram } from './go.ts';

async function publish(log: TestLog, folder: string): Promise<void> {
  const checkpoint = openCheckpoint(log.checkpoint, [verifierFromVkey(log.signer.vkey)]);
  const blocks = (): AsyncIterable<Uint8Array> => sourceOf(log, {}, undefined, 1 << 20).blocks();
  for await (const { path, bytes } of publishTree({ blocks, checkpoint, note: log.checkpoint })) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), bytes);
  }
}

async function withPublished(log: TestLog, use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'tally-published-'));
  try {
    await publish(log, folder);
    await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Flips one bit of one byte. */
async function damage(path: string, at: number): Promise<void> {
  const bytes = await readFile(path);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  await writeFile(path, bytes);
}

describe('golang.org/x/mod', () => {
  it('verifies published logs, and names the first bad index of a damaged one', async () => {
    await withGoProgram('published', async (go) => {
      for (const size of [0, 1, 1000, 70_000]) {
        const log = buildLog(size);
        await withPublished(log, async (folder) => {
          assert.match(await go.run(folder, log.signer.vkey), new RegExp(`^ok: ${size} entries,`));
          if (size !== 1000) return;
          const entriesAt = (tile: string): string => join(folder, 'tile', tile);
          // The first byte of entry 256 is the third of its bundle.
          await damage(entriesAt('entries/001'), 2);
          await assert.rejects(go.run(folder, log.signer.vkey), /index 256: /);
          await damage(entriesAt('entries/001'), 2);
          await damage(entriesAt('0/003.p/232'), 32 * 7);
          await assert.rejects(go.run(folder, log.signer.vkey), /index 775: /);
          await damage(entriesAt('0/003.p/232'), 32 * 7);
          await assert.rejects(go.run(folder, buildLog(0).signer.vkey.replace('test', 'other')), /./);
          assert.match(await go.run(folder, log.signer.vkey), /^ok: 1000 entries/);
        });
      }
    });
  });

  it('agrees with the test vectors of the specification', async () => {
    await withGoProgram('vectors', async (go) => {
      const folder = fileURLToPath(new URL('../../spec/vectors', import.meta.url));
      assert.match(await go.run(folder), /^ok: \d{3} values/);
    });
  });
});
