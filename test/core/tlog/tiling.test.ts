import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { encodeUtf8 } from '../../../src/core/bytes.ts';
import { isTallyError } from '../../../src/core/error.ts';
import { proveConsistency, proveInclusion, treeRoot } from '../../../src/core/tlog/proof.ts';
import { tileWidth } from '../../../src/core/tlog/tile.ts';
import { createTree, loadTreeState, type TileReader, tileHashReader } from '../../../src/core/tlog/tiling.ts';
import { leafHash } from '../../../src/core/tlog/tree.ts';
import { MTH, PATH, PROOF } from './naive.ts';

const SIZE = 1200;
const entries = Array.from({ length: SIZE }, (_, i) => encodeUtf8(String(i)));
const leaves = entries.map(leafHash);

function grow(size: number) {
  const tree = createTree();
  const full = new Map<string, Uint8Array>();
  for (const leaf of leaves.slice(0, size)) {
    tree.append(leaf);
    for (const tile of tree.takeTiles()) full.set(`${tile.level}/${tile.index}`, tile.bytes);
  }
  /** Full tiles as stored, partial ones out of the state. */
  const read: TileReader = (level, index, width) =>
    full.get(`${level}/${index}`) ??
    (width === tileWidth(size, level, index) ? tree.state().partials[level] : undefined);
  return { tree, full, read };
}

describe('a growing tree', () => {
  it('has the root of the definition and emits each full tile once, when it fills', () => {
    const { tree, full } = grow(SIZE);
    assert.deepEqual(tree.root(), MTH(entries));
    assert.deepEqual([...full.keys()], ['0/0', '0/1', '0/2', '0/3']);
    assert.deepEqual(full.get('0/2')?.subarray(7 * 32, 8 * 32), leaves[512 + 7]);
    assert.deepEqual(tree.state().partials[1]?.subarray(32, 64), MTH(entries.slice(256, 512)));
  });

  it('goes on from its state as if it had never stopped', () => {
    fc.assert(
      fc.property(fc.nat(SIZE), (stop) => {
        const resumed = createTree(grow(stop).tree.state());
        for (const leaf of leaves.slice(stop)) resumed.append(leaf);
        const whole = grow(SIZE);
        assert.deepEqual(resumed.state(), whole.tree.state());
        assert.deepEqual(resumed.root(), whole.tree.root());
        for (const tile of resumed.takeTiles())
          assert.deepEqual(tile.bytes, whole.full.get(`${tile.level}/${tile.index}`));
      }),
      { numRuns: 20 },
    );
  });

  it('emits the tiles of upper levels, and is loaded again from full tiles and the last leaves', async () => {
    const leaf = leafHash(encodeUtf8('same'));
    const tree = createTree();
    const tiles = new Map<string, Uint8Array>();
    const size = 65_536 + 256 * 3 + 5;
    for (let i = 0; i < size; i++) tree.append(leaf);
    for (const { level, index, bytes } of tree.takeTiles()) tiles.set(`${level}/${index}`, bytes);
    assert.equal(tiles.size, 256 + 3 + 1);
    assert.ok(tiles.has('1/0'));
    const tail = new Uint8Array(Buffer.concat([leaf, leaf, leaf, leaf, leaf]));
    const loaded = await loadTreeState(size, tail, (level, index) => tiles.get(`${level}/${index}`));
    assert.deepEqual(loaded, tree.state());
    assert.deepEqual(createTree(loaded).root(), tree.root());
  });
});

describe('the reader of tiles', () => {
  it('serves the proofs of every size', async () => {
    for (const size of [1, 2, 255, 256, 257, 700, SIZE]) {
      const reader = tileHashReader(size, grow(size).read);
      const some = entries.slice(0, size);
      assert.deepEqual(await treeRoot(size, reader), MTH(some));
      for (const index of [0, size >> 1, size - 1]) {
        assert.deepEqual(await proveInclusion(index, size, reader), PATH(index, some));
        assert.deepEqual(await proveConsistency(index + 1, size, reader), PROOF(index + 1, some));
      }
    }
  });

  it('says which tile is missing or of a wrong length', async () => {
    const missing = (error: unknown): boolean =>
      isTallyError(error) && error.code === 'LOG_DAMAGED' && error.details?.index === 1;
    const { read } = grow(600);
    const without: TileReader = (level, index, width) =>
      level === 0 && index === 1 ? undefined : read(level, index, width);
    await assert.rejects(proveInclusion(300, 600, tileHashReader(600, without)), missing);
    const short: TileReader = async (level, index, width) =>
      (await read(level, index, width))?.slice(level === 0 && index === 1 ? 1 : 0);
    await assert.rejects(proveInclusion(300, 600, tileHashReader(600, short)), missing);
    await assert.rejects(loadTreeState(512, new Uint8Array(0), short), missing);
  });
});
