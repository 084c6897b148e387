/**
 * Tiles and the tree: filling tiles while appending, and reading any node of a tree back out of its tiles.
 */
import { invariant, TallyError } from '../error.ts';
import { HASH_BYTES } from '../hash.ts';
import type { HashReader } from './proof.ts';
import { MAX_TILE_LEVEL, TILE_BYTES, TILE_WIDTH, tileWidth } from './tile.ts';
import { createRange, type OnSubtree, type RangeState, rootOfHashes, subtreeHeights } from './tree.ts';

/** 2^8 leaves are one step up a level of tiles. */
export const TILE_HEIGHT = 8;

export interface FullTile {
  readonly level: number;
  readonly index: number;
  /** 8192 bytes, the receiver's to keep. */
  readonly bytes: Uint8Array;
}

/** Hashes of each level that are not in a full tile yet, packed; level 0 first. */
export interface TreeState {
  readonly size: number;
  readonly partials: readonly Uint8Array[];
}

export interface Tree {
  readonly size: number;
  /** O(1) amortised. `leaf` is copied. */
  append(leaf: Uint8Array): void;
  /** O(log size). */
  root(): Uint8Array;
  /** Full tiles completed since the last call, lower levels before the ones built on them. */
  takeTiles(): FullTile[];
  /** A copy; `createTree(state)` goes on from it. */
  state(): TreeState;
}

/** The compact range that `partials` determine: level l holds the roots of heights 8l .. 8l+7. */
function rangeState({ size, partials }: TreeState): RangeState {
  const hashes = new Uint8Array(subtreeHeights(size).length * HASH_BYTES);
  let at = 0;
  for (let level = MAX_TILE_LEVEL; level >= 0; level--) {
    const width = Math.floor(size / TILE_WIDTH ** level) % TILE_WIDTH;
    const partial = partials[level] ?? new Uint8Array(0);
    invariant(
      partial.length === width * HASH_BYTES,
      `the partial tile of level ${level} holds ${width} hashes`,
    );
    let from = 0;
    for (const height of subtreeHeights(width)) {
      const to = from + 2 ** height * HASH_BYTES;
      hashes.set(rootOfHashes(partial.subarray(from, to)), at);
      from = to;
      at += HASH_BYTES;
    }
  }
  return { size, hashes };
}

export interface TileCollector {
  readonly onSubtree: OnSubtree;
  /** Full tiles completed since the last call, lower levels before the ones built on them. */
  take(): FullTile[];
  /** The first `width` hashes of the level's open tile, packed. A copy. */
  open(level: number, width: number): Uint8Array;
}

/** Gathers the subtree roots of a growing range into tiles, from `minLevel` up. It keeps one open tile a level. */
export function collectTiles(minLevel = 0, partials: readonly Uint8Array[] = []): TileCollector {
  const open = Array.from({ length: MAX_TILE_LEVEL + 1 }, (_, level) => {
    const tile = new Uint8Array(TILE_BYTES);
    tile.set(partials[level] ?? []);
    return tile;
  });
  let done: FullTile[] = [];
  return {
    onSubtree(height, index, hash) {
      const level = height / TILE_HEIGHT;
      const tile = open[level];
      if (tile === undefined || level < minLevel) return;
      const place = index % TILE_WIDTH;
      tile.set(hash, place * HASH_BYTES);
      if (place === TILE_WIDTH - 1)
        done.push({ level, index: Math.floor(index / TILE_WIDTH), bytes: tile.slice() });
    },
    take() {
      const taken = done;
      done = [];
      return taken;
    },
    open: (level, width) => open[level]?.slice(0, width * HASH_BYTES) ?? new Uint8Array(0),
  };
}

/** The append-only tree of a log's writer. It keeps at most 7 open tiles, whatever the size. */
export function createTree(state: TreeState = { size: 0, partials: [] }): Tree {
  const tiles = collectTiles(0, state.partials);
  const range = createRange(rangeState(state), tiles.onSubtree);
  return {
    get size() {
      return range.size;
    },
    append: (leaf) => range.append(leaf),
    root: () => range.root(),
    takeTiles: () => tiles.take(),
    state: () => ({
      size: range.size,
      partials: Array.from({ length: MAX_TILE_LEVEL + 1 }, (_, level) =>
        tiles.open(level, Math.floor(range.size / TILE_WIDTH ** level) % TILE_WIDTH),
      ),
    }),
  };
}

/** A tile's bytes, or `undefined` when there is none. `width` is what the tree's size makes it. */
export type TileReader = (
  level: number,
  index: number,
  width: number,
) => Uint8Array | undefined | Promise<Uint8Array | undefined>;

async function requireTile(read: TileReader, level: number, index: number, width: number) {
  const bytes = await read(level, index, width);
  if (bytes?.length === width * HASH_BYTES) return bytes;
  const what =
    bytes === undefined ? 'is missing' : `has ${bytes.length} bytes instead of ${width * HASH_BYTES}`;
  throw new TallyError('LOG_DAMAGED', `hash tile ${index} of level ${level} ${what}`, {
    hint: 'tally verify shows what else is wrong',
    details: { level, index },
  });
}

/** Nodes of a tree of `size` leaves out of its full and partial tiles. Throws `LOG_DAMAGED` when one is missing. */
export function tileHashReader(size: number, read: TileReader): HashReader {
  return async (height, index) => {
    const level = Math.min(MAX_TILE_LEVEL, Math.floor(height / TILE_HEIGHT));
    const span = 2 ** (height - level * TILE_HEIGHT);
    const first = index * span;
    const tile = Math.floor(first / TILE_WIDTH);
    const width = tileWidth(size, level, tile);
    const from = (first % TILE_WIDTH) * HASH_BYTES;
    invariant(from + span * HASH_BYTES <= width * HASH_BYTES, 'the node is inside the tree');
    const bytes = await requireTile(read, level, tile, width);
    return rootOfHashes(bytes.subarray(from, from + span * HASH_BYTES));
  };
}

/**
 * The state of a tree of `size` leaves of a store that keeps full tiles only. `tail`: the leaf hashes of the last
 * `size mod 256` entries, packed. Reads at most 255 tiles a level. Throws `LOG_DAMAGED` when one is missing.
 */
export async function loadTreeState(size: number, tail: Uint8Array, read: TileReader): Promise<TreeState> {
  invariant(tail.length === (size % TILE_WIDTH) * HASH_BYTES, 'the tail holds what full tiles do not');
  const partials: Uint8Array[] = [tail.slice()];
  for (let level = 1; level <= MAX_TILE_LEVEL; level++) {
    const hashes = Math.floor(size / TILE_WIDTH ** level);
    const partial = new Uint8Array((hashes % TILE_WIDTH) * HASH_BYTES);
    for (let i = 0; i < hashes % TILE_WIDTH; i++) {
      const tile = await requireTile(read, level - 1, hashes - (hashes % TILE_WIDTH) + i, TILE_WIDTH);
      partial.set(rootOfHashes(tile), i * HASH_BYTES);
    }
    partials.push(partial);
  }
  return { size, partials };
}
