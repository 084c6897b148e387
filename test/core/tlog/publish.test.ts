import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encodeUtf8 } from '../../../src/core/bytes.ts';
import { isTallyError } from '../../../src/core/error.ts';
import { openCheckpoint } from '../../../src/core/tlog/checkpoint.ts';
import { checkEntry } from '../../../src/core/tlog/entry-proof.ts';
import { verifierFromVkey } from '../../../src/core/tlog/key.ts';
import { proveInclusion } from '../../../src/core/tlog/proof.ts';
import { type PublishedFile, publishTree } from '../../../src/core/tlog/publish.ts';
import {
  bundlePath,
  bundlesOf,
  decodeBundle,
  parseTilePath,
  tilePath,
  tilesOf,
} from '../../../src/core/tlog/tile.ts';
import { createTree, tileHashReader } from '../../../src/core/tlog/tiling.ts';
import { buildLog, bytesOf, type TestLog } from './fixture.ts';

const damaged = (error: unknown): boolean => isTallyError(error) && error.code === 'LOG_DAMAGED';
const signedOf = (log: TestLog) => openCheckpoint(log.checkpoint, [verifierFromVkey(log.signer.vkey)]);

async function publish(
  log: TestLog,
  lines = log.lines,
  since?: ReturnType<typeof createTree>,
): Promise<PublishedFile[]> {
  const files: PublishedFile[] = [];
  const options = {
    async *blocks(from: number) {
      const bytes = bytesOf(lines.slice(from));
      for (let at = 0; at < bytes.length; at += 10_000) yield bytes.slice(at, at + 10_000);
    },
    checkpoint: signedOf(log),
    note: log.checkpoint,
    ...(since === undefined ? {} : { since: since.state() }),
  };
  for await (const file of publishTree(options)) files.push(file);
  return files;
}

describe('publishing a log', () => {
  it('writes every tile and bundle of exactly the signed size, and the checkpoint last', async () => {
    for (const size of [0, 1, 255, 256, 257, 700]) {
      const log = buildLog(size + 3, { signed: size });
      const paths = (await publish(log)).map(({ path }) => path);
      assert.equal(paths.at(-1), 'checkpoint');
      const expected = [...[...tilesOf(size)].map(tilePath), ...[...bundlesOf(size)].map(bundlePath)];
      assert.deepEqual(paths.slice(0, -1).sort(), expected.sort());
    }
  });

  it('gives bundles with the entries, and tiles that prove each of them', async () => {
    const log = buildLog(600);
    const files = new Map((await publish(log)).map(({ path, bytes }) => [path, bytes]));
    const read = (level: number, index: number, width: number) =>
      files.get(tilePath({ level, index, width }));
    const checkpoint = signedOf(log);
    for (const bundle of bundlesOf(600)) {
      const entries = decodeBundle(files.get(bundlePath(bundle)) ?? new Uint8Array(0), bundle.width);
      for (const [i, entry] of entries.entries()) {
        const index = bundle.index * 256 + i;
        assert.deepEqual(entry, encodeUtf8(log.lines[index] ?? ''));
        if (index % 50 > 1) continue;
        const proof = await proveInclusion(index, 600, tileHashReader(600, read));
        checkEntry(entry, index, proof, checkpoint);
      }
    }
  });

  it('repeats no file that an earlier tree had in full', async () => {
    const log = buildLog(700);
    const since = createTree();
    for (const leaf of log.leaves.slice(0, 512)) since.append(leaf);
    const paths = (await publish(log, log.lines, since)).map(({ path }) => path);
    assert.deepEqual(paths, ['tile/entries/002.p/188', 'tile/0/002.p/188', 'tile/1/000.p/2', 'checkpoint']);
    assert.ok(paths.slice(0, -1).every((path) => parseTilePath(path) !== undefined));
  });

  it('refuses to publish a checkpoint that the entries do not lead to', async () => {
    const log = buildLog(300);
    const edited = log.lines.with(7, (log.lines[7] ?? '').replace('http', 'hTTp'));
    await assert.rejects(publish(log, edited), damaged);
    await assert.rejects(publish(log, log.lines.slice(0, 299)), damaged);
    await assert.rejects(publish(log, log.lines.with(7, 'x'.repeat(70_000))), damaged);
  });
});

describe('one entry with its proof', () => {
  it('holds against the checkpoint at its own index only', async () => {
    const log = buildLog(20);
    const checkpoint = signedOf(log);
    const read = tileHashReader(20, (level) => log.tree.state().partials[level]);
    const refused = (error: unknown): boolean => isTallyError(error) && error.code === 'PROOF_INVALID';
    const entry = encodeUtf8(log.lines[7] ?? '');
    const proof = await proveInclusion(7, 20, read);
    checkEntry(entry, 7, proof, checkpoint);
    assert.throws(() => checkEntry(entry, 8, proof, checkpoint), refused);
    assert.throws(() => checkEntry(entry.slice(1), 7, proof, checkpoint), refused);
    assert.throws(() => checkEntry(entry, 7, proof.slice(1), checkpoint), refused);
  });

  it('is refused when the signed entry claims another index', async () => {
    const log = buildLog(3, { text: (index, prev) => `{"index":${index + 1},"prev":"${prev}"}` });
    const proof = await proveInclusion(
      1,
      3,
      tileHashReader(3, (level) => log.tree.state().partials[level]),
    );
    assert.throws(
      () => checkEntry(encodeUtf8(log.lines[1] ?? ''), 1, proof, signedOf(log)),
      /says it is entry 2/,
    );
  });
});
