/**
 * Inclusion and consistency proofs, RFC 6962 section 2.1 (the same proofs as RFC 9162 section 2.1.3 and 2.1.4).
 * `prove*` reads nodes of a tree, `check*` needs hashes only and returns nothing: a proof that does not hold throws
 * `PROOF_INVALID`, so that no caller can overlook the answer.
 */
import { equalBytes } from '../bytes.ts';
import { invariant, TallyError } from '../error.ts';
import { HASH_BYTES } from '../hash.ts';
import { LIMITS } from '../limits.ts';
import { emptyRoot, nodeHash } from './tree.ts';

/** The root of the perfect subtree (`height`, `index`): tiles, memory or a peer can serve it. */
export type HashReader = (height: number, index: number) => Uint8Array | Promise<Uint8Array>;

/** Hashes in the order of the RFC: nearest to the leaf first. */
export type Proof = readonly Uint8Array[];

function largestPowerBelow(n: number): number {
  let power = 1;
  while (power * 2 < n) power *= 2;
  return power;
}

/** MTH(D[from : from + size]) where `from` is a multiple of the largest power of two that is below `size`, or equal. */
async function subtree(read: HashReader, from: number, size: number): Promise<Uint8Array> {
  const height = Math.log2(size);
  if (Number.isInteger(height) && 2 ** height === size) return read(height, from / size);
  const k = largestPowerBelow(size);
  const left = await subtree(read, from, k);
  return nodeHash(left, await subtree(read, from + k, size - k));
}

/** MTH of a tree of `size` ≥ 1 leaves. */
export async function treeRoot(size: number, read: HashReader): Promise<Uint8Array> {
  invariant(Number.isSafeInteger(size) && size > 0, 'a tree with leaves');
  return subtree(read, 0, size);
}

/** PATH(index, D[0:size]). Reads O(log² size) nodes at most. */
export async function proveInclusion(index: number, size: number, read: HashReader): Promise<Uint8Array[]> {
  invariant(Number.isSafeInteger(size) && index >= 0 && index < size, 'the entry is in the tree');
  const proof: Uint8Array[] = [];
  let from = 0;
  let rest = size;
  while (rest > 1) {
    const k = largestPowerBelow(rest);
    if (index - from < k) {
      proof.push(await subtree(read, from + k, rest - k));
      rest = k;
    } else {
      proof.push(await subtree(read, from, k));
      from += k;
      rest -= k;
    }
  }
  return proof.reverse();
}

/** PROOF(oldSize, D[0:newSize]); empty for equal sizes and for the empty tree. */
export async function proveConsistency(
  oldSize: number,
  newSize: number,
  read: HashReader,
): Promise<Uint8Array[]> {
  invariant(Number.isSafeInteger(newSize) && oldSize >= 0 && oldSize <= newSize, 'the old tree is a prefix');
  const proof: Uint8Array[] = [];
  if (oldSize === 0 || oldSize === newSize) return proof;
  let from = 0;
  let rest = newSize;
  let old = oldSize;
  // SUB(m, D[n], b): `whole` is b, true while the old tree is a complete left part seen from its own root.
  let whole = true;
  while (old !== rest) {
    const k = largestPowerBelow(rest);
    if (old <= k) {
      proof.push(await subtree(read, from + k, rest - k));
      rest = k;
    } else {
      proof.push(await subtree(read, from, k));
      from += k;
      rest -= k;
      old -= k;
      whole = false;
    }
  }
  if (!whole) proof.push(await subtree(read, from, rest));
  return proof.reverse();
}

function invalid(why: string): TallyError {
  return new TallyError('PROOF_INVALID', why);
}

function requireSize(size: number): void {
  if (!Number.isSafeInteger(size) || size < 0) throw invalid('a tree size is a whole number below 2^53');
}

function requireProof(proof: Proof): void {
  if (proof.length > LIMITS.proofHashes)
    throw invalid(`a proof has at most ${LIMITS.proofHashes} hashes, this one has ${proof.length}`);
  if (proof.some((hash) => hash.length !== HASH_BYTES)) throw invalid('every hash of a proof has 32 bytes');
}

const isOdd = (n: number): boolean => n % 2 === 1;
const half = (n: number): number => Math.floor(n / 2);

/** Throws `PROOF_INVALID` unless `proof` shows `leaf` at `index` of the tree (`size`, `root`). RFC 9162 §2.1.3.2. */
export function checkInclusion(
  proof: Proof,
  index: number,
  leaf: Uint8Array,
  size: number,
  root: Uint8Array,
): void {
  requireSize(size);
  requireProof(proof);
  if (!Number.isSafeInteger(index) || index < 0 || index >= size)
    throw invalid(`index ${index} is not in a tree of ${size} entries`);
  let fn = index;
  let sn = size - 1;
  let hash = leaf;
  for (const p of proof) {
    if (sn === 0) throw invalid('the proof has more hashes than the tree has levels');
    if (isOdd(fn) || fn === sn) {
      hash = nodeHash(p, hash);
      while (!isOdd(fn) && fn !== 0) {
        fn = half(fn);
        sn = half(sn);
      }
    } else hash = nodeHash(hash, p);
    fn = half(fn);
    sn = half(sn);
  }
  if (sn !== 0) throw invalid('the proof has fewer hashes than the tree has levels');
  if (!equalBytes(hash, root)) throw invalid(`the proof does not lead from entry ${index} to the root`);
}

/**
 * Throws `PROOF_INVALID` unless `proof` shows that the tree (`oldSize`, `oldRoot`) is a prefix of (`newSize`,
 * `newRoot`). RFC 9162 §2.1.4.2. Every tree continues the empty one; equal sizes need equal roots and no proof.
 */
export function checkConsistency(
  proof: Proof,
  oldSize: number,
  oldRoot: Uint8Array,
  newSize: number,
  newRoot: Uint8Array,
): void {
  requireSize(oldSize);
  requireSize(newSize);
  requireProof(proof);
  if (oldSize > newSize) throw invalid(`a tree of ${newSize} entries cannot continue one of ${oldSize}`);
  if (oldSize === 0 || oldSize === newSize) {
    if (proof.length > 0) throw invalid('this proof must be empty');
    if (oldSize === 0 && !equalBytes(oldRoot, emptyRoot()))
      throw invalid('a tree without entries has another root');
    if (oldSize === newSize && !equalBytes(oldRoot, newRoot))
      throw invalid(`two different trees of ${newSize} entries`);
    return;
  }
  let fn = oldSize - 1;
  let sn = newSize - 1;
  while (isOdd(fn)) {
    fn = half(fn);
    sn = half(sn);
  }
  // An old tree that is one perfect subtree is its own first hash (RFC 9162 step 2); fn is 0 exactly then.
  const hashes = fn === 0 ? [oldRoot, ...proof] : proof;
  const [first, ...rest] = hashes;
  if (first === undefined) throw invalid('the proof is empty');
  let fr = first;
  let sr = first;
  for (const p of rest) {
    if (sn === 0) throw invalid('the proof has more hashes than the tree has levels');
    if (isOdd(fn) || fn === sn) {
      fr = nodeHash(p, fr);
      sr = nodeHash(p, sr);
      while (!isOdd(fn) && fn !== 0) {
        fn = half(fn);
        sn = half(sn);
      }
    } else sr = nodeHash(sr, p);
    fn = half(fn);
    sn = half(sn);
  }
  if (sn !== 0) throw invalid('the proof has fewer hashes than the tree has levels');
  if (!equalBytes(fr, oldRoot))
    throw invalid(`the proof does not lead to the old root of ${oldSize} entries`);
  if (!equalBytes(sr, newRoot))
    throw invalid(`the proof does not lead to the new root of ${newSize} entries`);
}
