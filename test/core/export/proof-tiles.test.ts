import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { equalBytes } from '../../../src/core/bytes.ts';
import { edgeTiles, openProofTiles, tilesAbove } from '../../../src/core/export/proof-tiles.ts';
import { type TileId, tilePath, tilesOf } from '../../../src/core/tlog/tile.ts';
import { createTree } from '../../../src/core/tlog/tiling.ts';
import { rootOfHashes } from '../../../src/core/tlog/tree.ts';

interface Given {
  readonly size: number;
  readonly root: Uint8Array;
  readonly leaves: Uint8Array[];
  readonly tiles: Map<string, Uint8Array>;
}

/** Every tile of a tree, made without the code under test. */
function tree(size: number): Given {
  const growing = createTree();
  const leaves = Array.from({ length: size }, (_, i) => {
    const leaf = new Uint8Array(32);
    new DataView(leaf.buffer).setUint32(0, i + 1);
    growing.append(leaf);
    return leaf;
  });
  const tiles = new Map<string, Uint8Array>();
  const hash = (level: number, index: number): Uint8Array => {
    if (level === 0) return leaves[index] ?? new Uint8Array(32);
    const below = Array.from({ length: 256 }, (_, i) => hash(level - 1, index * 256 + i));
    return rootOfHashes(Buffer.concat(below));
  };
  for (const id of tilesOf(size))
    tiles.set(
      tilePath(id),
      Buffer.concat(Array.from({ length: id.width }, (_, i) => hash(id.level, id.index * 256 + i))),
    );
  return { size, root: growing.root(), leaves, tiles };
}

const open = ({ size, root }: Given, tiles: ReadonlyMap<string, Uint8Array>) =>
  openProofTiles(size, root, (level, index, width) => tiles.get(tilePath({ level, index, width })));

/** Only what a bundle of `indexes` has. */
function needed({ size, tiles }: Given, indexes: readonly number[]): Map<string, Uint8Array> {
  const ids: TileId[] = [...edgeTiles(size), ...indexes.flatMap((index) => tilesAbove(index, size))];
  return new Map(ids.map((id) => [tilePath(id), tiles.get(tilePath(id)) ?? new Uint8Array(0)]));
}

describe('shared proofs', () => {
  const trees = [1, 2, 255, 256, 257, 511, 512, 1000, 65_535, 65_536, 65_537, 66_000].map(tree);

  it('show the leaf hash of every entry, with those tiles only that are above it', async () => {
    for (const given of trees) {
      const { size, leaves } = given;
      const indexes = [...new Set([0, 1, 254, 255, 256, 700, 65_535, 65_536, size - 2, size - 1])]
        .filter((index) => index >= 0 && index < size)
        .toSorted((a, b) => a - b);
      const proofs = await open(given, needed(given, indexes));
      for (const index of indexes)
        assert.ok(equalBytes(await proofs.leaf(index), leaves[index] ?? new Uint8Array(0)));
      await assert.rejects(proofs.leaf(size), { code: 'PROOF_INVALID' });
      await assert.rejects(proofs.leaf(-1), { code: 'PROOF_INVALID' });
    }
  });

  it('show nothing when any byte of a tile is another, a tile is missing, or the root is', async () => {
    const given = trees.at(-1) ?? tree(1);
    const indexes = [3, 300, 65_900];
    const whole = needed(given, indexes);
    const read = async (tiles: ReadonlyMap<string, Uint8Array>): Promise<void> => {
      const proofs = await open(given, tiles);
      for (const index of indexes)
        assert.ok(equalBytes(await proofs.leaf(index), given.leaves[index] ?? new Uint8Array(0)));
    };
    await read(whole);
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...whole.keys()),
        fc.nat(8191),
        fc.integer({ min: 1, max: 255 }),
        async (name, at, flip) => {
          const bytes = Uint8Array.from(whole.get(name) ?? []);
          bytes[at % bytes.length] = (bytes[at % bytes.length] ?? 0) ^ flip;
          await assert.rejects(read(new Map([...whole, [name, bytes]])), { code: 'PROOF_INVALID' });
        },
      ),
      { numRuns: 60 },
    );
    for (const name of whole.keys()) {
      const without = new Map(whole);
      without.delete(name);
      await assert.rejects(read(without), { code: 'PROOF_INVALID' });
    }
    await assert.rejects(open({ ...given, root: new Uint8Array(32) }, whole), { code: 'PROOF_INVALID' });
  });
});
