/**
 * Inclusion proofs that many entries share: the C2SP hash tiles on the way from their leaves to the root, and those on the
 * right edge of the tree. Each tile is checked once, by its hash in the tile above it; the partial ones together are the
 * root. A neighbour in the same tile then costs nothing but a comparison. Go's tlog.TileHashReader reads them the same way.
 */
import { equalBytes } from '../bytes.ts';
import { TallyError } from '../error.ts';
import { HASH_BYTES } from '../hash.ts';
import { MAX_TILE_LEVEL, TILE_WIDTH, type TileId, tileWidth } from '../tlog/tile.ts';
import type { TileReader } from '../tlog/tiling.ts';
import { emptyRoot, nodeHash, rootOfHashes, subtreeHeights } from '../tlog/tree.ts';

/** The partial tiles of a tree of `size` leaves, at most one a level. */
export function edgeTiles(size: number): TileId[] {
  const edge: TileId[] = [];
  for (let level = 0; level <= MAX_TILE_LEVEL; level++) {
    const hashes = Math.floor(size / TILE_WIDTH ** level);
    const width = hashes % TILE_WIDTH;
    if (width > 0) edge.push({ level, index: Math.floor(hashes / TILE_WIDTH), width });
  }
  return edge;
}

/** The tiles from the leaf `index` upwards, as far as they are full, and the partial one above them. */
export function tilesAbove(index: number, size: number): TileId[] {
  const tiles: TileId[] = [];
  for (let level = 0, at = Math.floor(index / TILE_WIDTH); level <= MAX_TILE_LEVEL; level++) {
    const width = tileWidth(size, level, at);
    tiles.push({ level, index: at, width });
    if (width < TILE_WIDTH) break;
    at = Math.floor(at / TILE_WIDTH);
  }
  return tiles;
}

export interface ProofTiles {
  /** The leaf hash that the signed root says entry `index` has. Throws `PROOF_INVALID` when the tiles do not show it. */
  leaf(index: number): Promise<Uint8Array>;
}

/**
 * Throws `PROOF_INVALID` unless the partial tiles are those of a tree of `size` leaves with that root. Memory: a tile a
 * level; entries asked for in their order read each tile once.
 */
export async function openProofTiles(size: number, root: Uint8Array, read: TileReader): Promise<ProofTiles> {
  const edge = new Map<number, Uint8Array>();
  for (const { level, index, width } of edgeTiles(size))
    edge.set(level, await tileBytes(read, level, index, width));
  if (!equalBytes(rootOfEdge(size, edge), root))
    throw invalid('the partial tiles do not make the signed root');
  const held = new Map<number, { readonly index: number; readonly bytes: Uint8Array }>();

  /** Checked bytes of a tile that reaches as far as the tree does. */
  async function checked(level: number, index: number): Promise<Uint8Array> {
    const width = tileWidth(size, level, index);
    if (width < TILE_WIDTH) return edge.get(level) ?? new Uint8Array(0);
    const known = held.get(level);
    if (known?.index === index) return known.bytes;
    const above = await checked(level + 1, Math.floor(index / TILE_WIDTH));
    const bytes = await tileBytes(read, level, index, width);
    if (!equalBytes(rootOfHashes(bytes), hashIn(above, index)))
      throw invalid(`hash tile ${index} of level ${level} is not part of the signed tree`);
    held.set(level, { index, bytes });
    return bytes;
  }

  return {
    async leaf(index) {
      if (!Number.isSafeInteger(index) || index < 0 || index >= size)
        throw invalid(`entry ${index} is not among the ${size} that were signed`);
      return hashIn(await checked(0, Math.floor(index / TILE_WIDTH)), index);
    },
  };
}

function hashIn(tile: Uint8Array, index: number): Uint8Array {
  const at = (index % TILE_WIDTH) * HASH_BYTES;
  return tile.subarray(at, at + HASH_BYTES);
}

/** The perfect subtrees of the right edge, highest first, folded from the right (RFC 6962 section 2.1). */
function rootOfEdge(size: number, edge: ReadonlyMap<number, Uint8Array>): Uint8Array {
  const roots: Uint8Array[] = [];
  for (let level = MAX_TILE_LEVEL; level >= 0; level--) {
    const tile = edge.get(level);
    if (tile === undefined) continue;
    let from = 0;
    for (const height of subtreeHeights(tile.length / HASH_BYTES)) {
      const to = from + 2 ** height * HASH_BYTES;
      roots.push(rootOfHashes(tile.subarray(from, to)));
      from = to;
    }
  }
  const last = roots.pop();
  if (size === 0 || last === undefined) return emptyRoot();
  return roots.reduceRight((right, left) => nodeHash(left, right), last);
}

async function tileBytes(read: TileReader, level: number, index: number, width: number): Promise<Uint8Array> {
  const bytes = await read(level, index, width);
  if (bytes?.length === width * HASH_BYTES) return bytes;
  throw invalid(
    `hash tile ${index} of level ${level} ${bytes === undefined ? 'is missing' : 'has another size than the tree gives it'}`,
  );
}

function invalid(why: string): TallyError {
  return new TallyError('PROOF_INVALID', why);
}
