/**
 * Puts stretches that were verified beside each other together to one log: the chain across their borders, the tree over
 * them, its roots and its upper tiles. Memory does not grow with the log.
 */
import { equalBytes } from '../bytes.ts';
import { HASH_BYTES } from '../hash.ts';
import { GENESIS_PREV } from './fields.ts';
import { TILE_WIDTH } from './tile.ts';
import { collectTiles, TILE_HEIGHT } from './tiling.ts';
import { createRange, emptyRoot } from './tree.ts';
import type { EntriesOptions, EntriesResult } from './verify-entries.ts';
import { recordFindings, type SignedTail } from './verify-findings.ts';
import { type PrunedPart, readPruned } from './verify-pruned.ts';
import type { Stretch } from './verify-stretch.ts';

export interface Stitch {
  /** Before the first stretch. False: the tiles of the pruned part do not fit one another, or are not all there. */
  begin(): Promise<boolean>;
  /** In the order of the log. False: they do not fit, or a tile is not what they make. */
  add(stretch: Stretch): Promise<boolean>;
  /** Nothing was found. */
  finish(): EntriesResult;
  readonly lines: number;
}

/** Sizes at which stretches have to be cut for `stitch`. */
export function cutsFor({ signedSize, rootsAt }: Pick<EntriesOptions, 'signedSize' | 'rootsAt'>): number[] {
  return [...new Set([...rootsAt, signedSize])].filter(Number.isSafeInteger).sort((a, b) => a - b);
}

export function createStitch({
  first: begins = 0,
  signedSize,
  rootsAt,
  keep = [],
  tile,
}: EntriesOptions): Stitch {
  const findings = recordFindings(signedSize);
  const upper = collectTiles(1);
  let range = createRange(undefined, upper.onSubtree);
  let pruned: PrunedPart | undefined;
  const wanted = cutsFor({ signedSize, rootsAt });
  const roots = new Map<number, Uint8Array>();
  const kept = new Map<number, Uint8Array>();
  let tail: SignedTail | undefined;
  let lines = begins;
  let bytes = 0;
  let tornBytes = 0;
  let leaf: string = GENESIS_PREV;

  /** Roots of the sizes from where the range ends up to before `end`. */
  function keepRoots(end: number, cuts: ReadonlyMap<number, Uint8Array>): void {
    for (let size = wanted[0]; size !== undefined && size < end; size = wanted[0]) {
      wanted.shift();
      const leaves = cuts.get(size) ?? new Uint8Array(0);
      const state = range.state();
      const upTo = createRange(state);
      for (let at = 0; at < leaves.length; at += HASH_BYTES)
        upTo.append(leaves.subarray(at, at + HASH_BYTES));
      roots.set(size, size === 0 ? emptyRoot() : upTo.root());
      if (size === signedSize && leaves.length > 0)
        tail = { first: state.size, range: state, leaves, claims: new Map() };
    }
  }

  async function upperTilesHold(): Promise<boolean> {
    for (const { level, index, bytes: expected } of upper.take()) {
      const stored = await tile(level, index);
      if (stored === undefined) findings.addAbsentTile(level, index);
      else if (!equalBytes(stored, expected)) return false;
    }
    return true;
  }

  return {
    async begin() {
      if (begins === 0) return true;
      let holds = true;
      const read = await readPruned(begins, {
        tile,
        rootsAt: [...wanted, begins],
        keep,
        onSubtree: upper.onSubtree,
        async settle() {
          holds &&= await upperTilesHold();
        },
      });
      range = read.range;
      pruned = read.part;
      leaf = pruned.leaf;
      for (const [size, root] of pruned.roots) roots.set(size, root);
      while ((wanted[0] ?? Number.POSITIVE_INFINITY) <= begins) wanted.shift();
      return holds && pruned.lost_count === 0;
    },
    get lines() {
      return lines;
    },
    async add(stretch) {
      if (stretch.bytes > 0 && (tornBytes > 0 || stretch.first !== lines)) return false;
      if (stretch.lines > 0 && stretch.prev !== leaf) return false;
      for (const index of stretch.absent) findings.addAbsentTile(0, index);
      for (let at = 0; at < stretch.groups.length; at += HASH_BYTES) {
        keepRoots(range.size + TILE_WIDTH, stretch.cuts);
        range.append(stretch.groups.subarray(at, at + HASH_BYTES), TILE_HEIGHT);
        if (!(await upperTilesHold())) return false;
      }
      lines += stretch.lines;
      bytes += stretch.bytes;
      tornBytes = stretch.tornBytes || tornBytes;
      keepRoots(Math.min(lines + 1, range.size + TILE_WIDTH), stretch.cuts);
      for (const [place, line] of stretch.kept) kept.set(place, line);
      if (stretch.lines > 0) leaf = stretch.leaf;
      return true;
    },
    finish: () => {
      // Of a log without entries.
      keepRoots(1, new Map());
      return {
        findings,
        first: begins,
        ...(pruned === undefined ? {} : { pruned }),
        prunes: [],
        lines,
        end: lines,
        bytes,
        tornBytes,
        roots,
        kept,
        tail,
      };
    },
  };
}
