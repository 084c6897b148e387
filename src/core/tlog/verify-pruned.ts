/**
 * The part of a log whose entries were pruned, out of the hash tiles that stayed. They are no cache there: nothing else
 * holds the leaf hashes of those entries any more. What they say is held against the signed root together with the
 * entries that are left.
 */
import { encodeBase64, equalBytes } from '../bytes.ts';
import { HASH_BYTES } from '../hash.ts';
import { LIMITS } from '../limits.ts';
import { TILE_BYTES, TILE_WIDTH } from './tile.ts';
import { TILE_HEIGHT } from './tiling.ts';
import {
  type CompactRange,
  createRange,
  emptyRoot,
  type OnSubtree,
  rootOfHashes,
  subtreeHeights,
} from './tree.ts';
import { LISTED } from './verify-report.ts';
import type { StoredTile } from './verify-tiles.ts';

export interface PrunedPart {
  /** So many first entries are not there; a multiple of 256. */
  readonly first: number;
  /** Base64 of the leaf hash of the last of them. Empty when its tile is lost. */
  readonly leaf: string;
  readonly roots: ReadonlyMap<number, Uint8Array>;
  /** Leaf hashes that were asked for, by index. */
  readonly leaves: ReadonlyMap<number, Uint8Array>;
  /** Indexes of tiles of level 0 that are not there or not whole, the first of them; the count does not stop. */
  readonly lost: readonly number[];
  readonly lost_count: number;
}

export interface PrunedHost {
  readonly tile: StoredTile;
  /** Sizes at which the root is wanted; those above `first` are left out. */
  readonly rootsAt: readonly number[];
  /** Indexes of entries whose leaf hash is wanted. */
  readonly keep: readonly number[];
  readonly onSubtree: OnSubtree;
  /** After each tile: compares the upper tiles that were completed. */
  settle(): Promise<void>;
}

/** A range that goes on behind the pruned part, and what was found in it. Memory does not grow with the part. */
export async function readPruned(
  first: number,
  { tile, rootsAt, keep, onSubtree, settle }: PrunedHost,
): Promise<{ readonly range: CompactRange; readonly part: PrunedPart }> {
  const range = createRange(undefined, onSubtree);
  const sizes = rootsAt.filter((size) => Number.isSafeInteger(size) && size <= first).sort((a, b) => b - a);
  const wanted = [...keep].filter((index) => index < first).sort((a, b) => b - a);
  const roots = new Map<number, Uint8Array>();
  const leaves = new Map<number, Uint8Array>();
  const lost: number[] = [];
  let lostCount = 0;
  let inARow = 0;
  let leaf = '';

  function keepRoots(hashes: Uint8Array, end: number): void {
    for (let size = sizes.at(-1); size !== undefined && size < end; size = sizes.at(-1)) {
      sizes.pop();
      const upTo = createRange(range.state());
      for (let at = 0; at < (size - range.size) * HASH_BYTES; at += HASH_BYTES)
        upTo.append(hashes.subarray(at, at + HASH_BYTES));
      roots.set(size, size === 0 ? emptyRoot() : upTo.root());
    }
  }

  for (let start = 0; start < first; start += TILE_WIDTH) {
    const stored = await tile(0, start / TILE_WIDTH);
    const whole = stored?.length === TILE_BYTES ? stored : undefined;
    if (whole === undefined) {
      lostCount++;
      if (lost.length < LISTED) lost.push(start / TILE_WIDTH);
      // A name may claim any index: tiles that were never there are not looked for to its end.
      if (++inARow > LIMITS.absentBundles)
        return { range: unknownRange(first, onSubtree), part: part(first) };
      const above = await rootAbove(tile, start / TILE_WIDTH);
      range.append(above ?? new Uint8Array(HASH_BYTES), TILE_HEIGHT);
      while ((sizes.at(-1) ?? Number.POSITIVE_INFINITY) < range.size) sizes.pop();
      while ((wanted.at(-1) ?? Number.POSITIVE_INFINITY) < range.size) wanted.pop();
      leaf = '';
    } else {
      inARow = 0;
      keepRoots(whole, start + TILE_WIDTH);
      for (
        let index = wanted.at(-1);
        index !== undefined && index < start + TILE_WIDTH;
        index = wanted.at(-1)
      ) {
        wanted.pop();
        leaves.set(index, whole.slice((index - start) * HASH_BYTES, (index - start + 1) * HASH_BYTES));
      }
      range.append(rootOfHashes(whole), TILE_HEIGHT);
      leaf = encodeBase64(whole.subarray(-HASH_BYTES));
    }
    await settle();
  }
  if (sizes.includes(first)) roots.set(first, range.root());
  return { range, part: part(first) };

  function part(of: number): PrunedPart {
    return { first: of, leaf, roots, leaves, lost, lost_count: lostCount };
  }
}

/** Of tile `index` of level 0, as the tile above it says. */
async function rootAbove(tile: StoredTile, index: number): Promise<Uint8Array | undefined> {
  const above = await tile(1, Math.floor(index / TILE_WIDTH));
  const at = (index % TILE_WIDTH) * HASH_BYTES;
  return above?.length === TILE_BYTES ? above.slice(at, at + HASH_BYTES) : undefined;
}

/** No root can come out of it: for going on with what there is. */
function unknownRange(first: number, onSubtree: OnSubtree): CompactRange {
  return createRange(
    { size: first, hashes: new Uint8Array(subtreeHeights(first).length * HASH_BYTES) },
    onSubtree,
  );
}

/** Whether the kept tiles lead to the root that the recorder saw when it removed the entries; undefined: not said. */
export function leadsTo(part: PrunedPart, to: number, root: Uint8Array | undefined): boolean | undefined {
  const found = part.roots.get(to);
  return found === undefined || root === undefined ? undefined : equalBytes(found, root);
}
