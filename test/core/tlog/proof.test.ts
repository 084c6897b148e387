import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { decodeBase64, encodeUtf8 } from '../../../src/core/bytes.ts';
import { isTallyError } from '../../../src/core/error.ts';
import {
  checkConsistency,
  checkInclusion,
  type HashReader,
  proveConsistency,
  proveInclusion,
  treeRoot,
} from '../../../src/core/tlog/proof.ts';
import { leafHash, nodeHash } from '../../../src/core/tlog/tree.ts';
import { MTH, PATH, PROOF } from './naive.ts';

const MOST = 40;
const entries = Array.from({ length: MOST }, (_, i) => encodeUtf8(`entry ${i}`));
const leaves = entries.map(leafHash);
const roots = Array.from({ length: MOST + 1 }, (_, size) => MTH(entries.slice(0, size)));
const rootAt = (size: number): Uint8Array => roots[size] ?? new Uint8Array(0);
const leafAt = (index: number): Uint8Array => leaves[index] ?? new Uint8Array(0);

const read: HashReader = (height, index) => {
  const node = (h: number, i: number): Uint8Array =>
    h === 0 ? leafAt(i) : nodeHash(node(h - 1, i * 2), node(h - 1, i * 2 + 1));
  return node(height, index);
};

const invalid = (error: unknown): boolean => isTallyError(error) && error.code === 'PROOF_INVALID';

describe('an inclusion proof', () => {
  it('is PATH of the RFC and checks, for every index of every size', async () => {
    for (let size = 1; size <= MOST; size++) {
      assert.deepEqual(await treeRoot(size, read), rootAt(size));
      for (let index = 0; index < size; index++) {
        const proof = await proveInclusion(index, size, read);
        assert.deepEqual(proof, PATH(index, entries.slice(0, size)));
        checkInclusion(proof, index, leafAt(index), size, rootAt(size));
      }
    }
  });

  it('checks for no other index, leaf, root or length of the proof', async () => {
    for (let size = 1; size <= 20; size++) {
      for (let index = 0; index < size; index++) {
        const proof = await proveInclusion(index, size, read);
        const leaf = leafAt(index);
        for (let other = 0; other < size; other++)
          if (other !== index)
            assert.throws(() => checkInclusion(proof, other, leaf, size, rootAt(size)), invalid);
        assert.throws(() => checkInclusion(proof, index, leafAt(index + 1), size, rootAt(size)), invalid);
        assert.throws(() => checkInclusion(proof, index, leaf, size, rootAt(size - 1)), invalid);
        assert.throws(() => checkInclusion([...proof, leaf], index, leaf, size, rootAt(size)), invalid);
        if (proof.length > 0)
          assert.throws(() => checkInclusion(proof.slice(1), index, leaf, size, rootAt(size)), invalid);
      }
    }
  });
});

describe('a consistency proof', () => {
  it('is PROOF of the RFC and checks, for every pair of sizes', async () => {
    for (let size = 1; size <= MOST; size++) {
      for (let old = 1; old <= size; old++) {
        const proof = await proveConsistency(old, size, read);
        assert.deepEqual(proof, PROOF(old, entries.slice(0, size)), `${old} in ${size}`);
        checkConsistency(proof, old, rootAt(old), size, rootAt(size));
      }
      checkConsistency(await proveConsistency(0, size, read), 0, rootAt(0), size, rootAt(size));
    }
  });

  it('checks for no other sizes, roots or length of the proof', async () => {
    const other = leafHash(encodeUtf8('other'));
    for (let size = 1; size <= 20; size++) {
      for (let old = 1; old <= size; old++) {
        const proof = await proveConsistency(old, size, read);
        assert.throws(() => checkConsistency(proof, old, other, size, rootAt(size)), invalid);
        assert.throws(() => checkConsistency(proof, old, rootAt(old), size, other), invalid);
        assert.throws(
          () => checkConsistency([...proof, other], old, rootAt(old), size, rootAt(size)),
          invalid,
        );
        if (proof.length > 0)
          assert.throws(
            () => checkConsistency(proof.slice(1), old, rootAt(old), size, rootAt(size)),
            invalid,
          );
        if (old !== size)
          assert.throws(() => checkConsistency(proof, size, rootAt(old), old, rootAt(size)), invalid);
      }
    }
  });

  it('accepts the empty tree as a beginning only with its own root', () => {
    checkConsistency([], 0, rootAt(0), 0, rootAt(0));
    assert.throws(() => checkConsistency([], 0, rootAt(1), 5, rootAt(5)), invalid);
    assert.throws(() => checkConsistency([leafAt(0)], 0, rootAt(0), 5, rootAt(5)), invalid);
  });
});

describe('proofs from a stranger', () => {
  const size = fc.oneof(fc.nat(50), fc.maxSafeInteger(), fc.double());
  const proof = fc.array(fc.oneof(fc.constantFrom(...leaves), fc.uint8Array({ maxLength: 33 })), {
    maxLength: 70,
  });

  it('are refused or accepted, never anything else', () => {
    fc.assert(
      fc.property(proof, size, size, (hashes, a, b) => {
        assert.throws(() => checkInclusion(hashes, a, leafAt(0), b, new Uint8Array(32)), invalid);
        if (a !== b && a !== 0)
          assert.throws(() => checkConsistency(hashes, a, rootAt(3), b, new Uint8Array(32)), invalid);
      }),
    );
  });

  it('end at 63 hashes', () => {
    const long = Array.from({ length: 64 }, () => leafAt(0));
    assert.throws(() => checkInclusion(long, 0, leafAt(0), Number.MAX_SAFE_INTEGER, rootAt(1)), /at most 63/);
    assert.throws(() => checkConsistency(long, 1, rootAt(1), 2, rootAt(2)), /at most 63/);
  });
});

describe('spec/vectors/tree.json', () => {
  const vectors = JSON.parse(
    readFileSync(new URL('../../../spec/vectors/tree.json', import.meta.url), 'utf8'),
  );
  const hash = (text: string): Uint8Array => decodeBase64(text) ?? new Uint8Array(0);

  it('agrees with the recursive definitions and with the checks', () => {
    const data = vectors.entries.map(encodeUtf8);
    const root = (n: number): Uint8Array => MTH(data.slice(0, n));
    for (const row of vectors.roots) assert.deepEqual(hash(row.root), root(row.size));
    for (const row of vectors.inclusion) {
      assert.deepEqual(row.proof.map(hash), PATH(row.index, data.slice(0, row.size)));
      checkInclusion(
        row.proof.map(hash),
        row.index,
        hash(vectors.leaves[row.index]),
        row.size,
        root(row.size),
      );
    }
    for (const row of vectors.consistency) {
      assert.deepEqual(row.proof.map(hash), PROOF(row.old_size, data.slice(0, row.size)));
      checkConsistency(row.proof.map(hash), row.old_size, root(row.old_size), row.size, root(row.size));
    }
    assert.equal(vectors.inclusion.length + vectors.consistency.length, 2 * 153);
  });
});
