/**
 * Merkle tree hashes over many leaves at once. Pairing neighbours level by level and lifting an odd last one unchanged
 * gives the split of RFC 6962 at the largest power of two.
 */
import { concatBytes } from '../bytes.ts';
import { invariant } from '../error.ts';
import { HASH_BYTES, sha256Into } from '../hash.ts';
import { KERNEL_SLACK, KERNEL_START, type Kernel } from '../wasm/kernel.ts';

const NODE_PREFIX = 1;
const LANES = 4;
/** Hashes folded at once: the width of a tile. */
const WIDTH = 256;
/** The hashes lie here, after one free byte. */
const START = KERNEL_START + 1;

/** Memory that a kernel for folding needs. */
export const FOLD_BYTES = START + WIDTH * HASH_BYTES + KERNEL_SLACK;

/** MTH over packed hashes (32 bytes each, leftmost first), at least one. */
export type Folder = (packed: Uint8Array) => Uint8Array;

/** Without a kernel every node costs a call to node:crypto. */
export function createFolder(kernel: Kernel | undefined): Folder {
  const space = kernel?.bytes ?? new Uint8Array(FOLD_BYTES);

  /** Replaces `pairs` pairs at the front of the space by their node hashes, in place. */
  function foldPairs(pairs: number): void {
    const fours = kernel === undefined ? 0 : Math.floor(pairs / LANES);
    if (fours > 0) kernel?.fold(START - 1, fours);
    for (let i = fours * LANES; i < pairs; i++) {
      const from = START + i * 2 * HASH_BYTES;
      // The byte before a pair belongs to the pair before it, which has been read.
      space[from - 1] = NODE_PREFIX;
      sha256Into(space.subarray(from - 1, from + 2 * HASH_BYTES), space, START + i * HASH_BYTES);
    }
  }

  return function fold(packed) {
    let width = packed.length / HASH_BYTES;
    invariant(Number.isInteger(width) && width > 0, 'hashes are packed 32 bytes each, at least one');
    if (width > WIDTH) {
      const roots: Uint8Array[] = [];
      for (let at = 0; at < packed.length; at += WIDTH * HASH_BYTES)
        roots.push(fold(packed.subarray(at, at + WIDTH * HASH_BYTES)));
      return fold(concatBytes(...roots));
    }
    space.set(packed, START);
    while (width > 1) {
      const pairs = Math.floor(width / 2);
      foldPairs(pairs);
      const last = START + (width - 1) * HASH_BYTES;
      if (width % 2 === 1) space.copyWithin(START + pairs * HASH_BYTES, last, last + HASH_BYTES);
      width = pairs + (width % 2);
    }
    return space.slice(START, START + HASH_BYTES);
  };
}
