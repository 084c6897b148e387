/**
 * The Merkle tree of RFC 6962 section 2.1 (RFC 9162 section 2.1.1), append only. Pure and without I/O: hashes go in,
 * hashes come out.
 *
 *     leaf(e) = H(0x00 || e)      node(l, r) = H(0x01 || l || r)      empty root = H("")
 *
 * A height is a distance from the leaves (0); `(height, index)` names the perfect subtree over the leaves
 * `index * 2^height .. (index + 1) * 2^height`.
 */
import { invariant } from '../error.ts';
import { HASH_BYTES, sha256, sha256Base64, sha256Base64Into, sha256Into } from '../hash.ts';
import { createKernel } from '../wasm/kernel.ts';
import { createFolder, FOLD_BYTES, type Folder } from './fold.ts';

/** Sizes are safe integers, so a tree has at most 53 perfect subtrees on its right edge. */
const MAX_HEIGHT = 53;
const LEAF_PREFIX = 0;
const NODE_PREFIX = 1;

/** Root of the tree without leaves. A fresh copy. */
export function emptyRoot(): Uint8Array {
  return sha256('');
}

/** `entry` is copied once; `leafHashInPlace` does without. */
export function leafHash(entry: Uint8Array): Uint8Array {
  const prefixed = new Uint8Array(entry.length + 1);
  prefixed.set(entry, 1);
  return sha256(prefixed);
}

/**
 * Leaf hash of the entry in `block[start, end)` as base64 (the `prev` of the next entry); with `out`, its 32 bytes are
 * written there at `outOffset` as well. No copy is made: the byte before the entry (a newline, usually) is 0x00 while
 * the hash runs and is put back. So `start` must be at least 1.
 */
export function leafHashInPlace(
  block: Uint8Array,
  start: number,
  end: number,
  out?: Uint8Array,
  outOffset = 0,
): string {
  const before = block[start - 1];
  invariant(before !== undefined, 'an entry hashed in place needs a byte before it');
  block[start - 1] = LEAF_PREFIX;
  const prefixed = block.subarray(start - 1, end);
  const base64 = out === undefined ? sha256Base64(prefixed) : sha256Base64Into(prefixed, out, outOffset);
  block[start - 1] = before;
  return base64;
}

const pair = new Uint8Array(1 + 2 * HASH_BYTES);
pair[0] = NODE_PREFIX;

export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  pair.set(left, 1);
  pair.set(right, 1 + HASH_BYTES);
  return sha256(pair);
}

/** From so many hashes on the kernel is worth its start of some milliseconds. */
const KERNEL_HASHES = 128;

const foldFew = createFolder(undefined);
let foldMany: Folder | undefined;

/** MTH over packed hashes (32 bytes each, leftmost first), at least one. */
export function rootOfHashes(packed: Uint8Array): Uint8Array {
  if (packed.length < KERNEL_HASHES * HASH_BYTES) return foldFew(packed);
  foldMany ??= createFolder(createKernel(FOLD_BYTES));
  return foldMany(packed);
}

/** Heights of the perfect subtrees that make up a tree of `size` leaves, leftmost (highest) first. */
export function subtreeHeights(size: number): number[] {
  const heights: number[] = [];
  for (let rest = size, height = 0; rest > 0; rest = Math.floor(rest / 2), height++) {
    if (rest % 2 === 1) heights.push(height);
  }
  return heights.reverse();
}

/** What a compact range needs to go on: `hashes` packed, one for each of `subtreeHeights(size)`. */
export interface RangeState {
  readonly size: number;
  readonly hashes: Uint8Array;
}

export interface CompactRange {
  readonly size: number;
  /** Appends the root of a perfect subtree of 2^height leaves; the size must be a multiple of that. O(1) amortised. */
  append(hash: Uint8Array, height?: number): void;
  /** MTH of everything appended. O(log size). A fresh copy. */
  root(): Uint8Array;
  /** A copy, to export; `createRange(state)` goes on from it. */
  state(): RangeState;
}

/**
 * Called for every perfect subtree (`height`, `index`) as it is completed, leaves included, lower ones first. `hash`
 * is only valid during the call.
 */
export type OnSubtree = (height: number, index: number, hash: Uint8Array) => void;

/** The append-only tree, kept as the roots of the perfect subtrees on its right edge. */
export function createRange(state?: RangeState, onSubtree?: OnSubtree): CompactRange {
  let size = state?.size ?? 0;
  const roots = new Uint8Array(MAX_HEIGHT * HASH_BYTES);
  const rootAt = (height: number): Uint8Array =>
    roots.subarray(height * HASH_BYTES, (height + 1) * HASH_BYTES);
  const current = new Uint8Array(HASH_BYTES);

  if (state !== undefined) {
    const heights = subtreeHeights(size);
    invariant(
      Number.isSafeInteger(size) && size >= 0 && state.hashes.length === heights.length * HASH_BYTES,
      'a range state has one hash for each perfect subtree of its size',
    );
    heights.forEach((height, i) => {
      rootAt(height).set(state.hashes.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES));
    });
  }

  return {
    get size() {
      return size;
    },
    append(hash, startHeight = 0) {
      let height = startHeight;
      let index = size / 2 ** height;
      invariant(Number.isInteger(index), 'a subtree is appended at a multiple of its size');
      current.set(hash);
      onSubtree?.(height, index, current);
      while (index % 2 === 1) {
        pair.set(rootAt(height), 1);
        pair.set(current, 1 + HASH_BYTES);
        sha256Into(pair, current, 0);
        height++;
        index = (index - 1) / 2;
        onSubtree?.(height, index, current);
      }
      rootAt(height).set(current);
      size += 2 ** startHeight;
    },
    root() {
      const heights = subtreeHeights(size);
      const lowest = heights.pop();
      if (lowest === undefined) return emptyRoot();
      let root: Uint8Array = rootAt(lowest).slice();
      for (let height = heights.pop(); height !== undefined; height = heights.pop())
        root = nodeHash(rootAt(height), root);
      return root;
    },
    state() {
      const heights = subtreeHeights(size);
      const hashes = new Uint8Array(heights.length * HASH_BYTES);
      heights.forEach((height, i) => {
        hashes.set(rootAt(height), i * HASH_BYTES);
      });
      return { size, hashes };
    },
  };
}
