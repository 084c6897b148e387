import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { encodeBase64, encodeHex, encodeUtf8 } from '../../../src/core/bytes.ts';
import {
  createRange,
  emptyRoot,
  leafHash,
  leafHashInPlace,
  nodeHash,
  rootOfHashes,
  subtreeHeights,
} from '../../../src/core/tlog/tree.ts';
import { MTH } from './naive.ts';

const vectors = JSON.parse(
  readFileSync(new URL('../../../spec/vectors/rfc6962.json', import.meta.url), 'utf8'),
);
const entriesOf = (size: number): Uint8Array[] =>
  Array.from({ length: size }, (_, i) => encodeUtf8(`entry ${i}`));
const packed = (hashes: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(hashes));

describe('the Merkle tree', () => {
  it('has the roots of the RFC 6962 test vectors', () => {
    assert.equal(encodeHex(emptyRoot()), vectors.empty_root);
    const range = createRange();
    assert.equal(encodeHex(range.root()), vectors.empty_root);
    vectors.leaves_hex.forEach((hex: string, i: number) => {
      range.append(leafHash(new Uint8Array(Buffer.from(hex, 'hex'))));
      assert.equal(encodeHex(range.root()), vectors.roots_for_sizes_1_to_8[i]);
    });
  });

  it('has the root of the recursive definition at every size to 300', () => {
    const entries = entriesOf(300);
    const range = createRange();
    for (const [i, entry] of entries.entries()) {
      range.append(leafHash(entry));
      if (i < 70 || i % 16 > 13)
        assert.deepEqual(range.root(), MTH(entries.slice(0, i + 1)), `size ${i + 1}`);
    }
  });

  it('has the same root over packed hashes', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), (size) => {
        const entries = entriesOf(size);
        const hashes = packed(entries.map(leafHash));
        const before = hashes.slice();
        assert.deepEqual(rootOfHashes(hashes), MTH(entries));
        assert.deepEqual(hashes, before, 'the input was altered');
      }),
    );
  });

  it('goes on from an exported state as if it had never stopped', () => {
    fc.assert(
      fc.property(fc.nat(80), fc.nat(80), (first, more) => {
        const leaves = entriesOf(first + more).map(leafHash);
        const range = createRange();
        for (const leaf of leaves.slice(0, first)) range.append(leaf);
        const resumed = createRange(range.state());
        for (const leaf of leaves.slice(first)) {
          resumed.append(leaf);
          range.append(leaf);
        }
        assert.equal(resumed.size, first + more);
        assert.deepEqual(resumed.root(), range.root());
        assert.deepEqual(resumed.state(), range.state());
      }),
    );
  });

  it('takes whole subtrees where they fit, and nowhere else', () => {
    const leaves = entriesOf(12).map(leafHash);
    const byLeaf = createRange();
    for (const leaf of leaves) byLeaf.append(leaf);
    const bySubtree = createRange();
    for (let i = 0; i < 12; i += 4) bySubtree.append(rootOfHashes(packed(leaves.slice(i, i + 4))), 2);
    assert.deepEqual(bySubtree.root(), byLeaf.root());
    bySubtree.append(leafHash(encodeUtf8('one')));
    assert.throws(() => bySubtree.append(emptyRoot(), 2), /invariant broken/);
  });

  it('tells every completed subtree, with its place and root', () => {
    const entries = entriesOf(21);
    const seen = new Map<string, Uint8Array>();
    const range = createRange(undefined, (height, index, hash) =>
      seen.set(`${height}/${index}`, hash.slice()),
    );
    for (const entry of entries) range.append(leafHash(entry));
    assert.equal(seen.size, 21 + 10 + 5 + 2 + 1);
    assert.deepEqual(seen.get('3/1'), MTH(entries.slice(8, 16)));
    assert.deepEqual(seen.get('0/20'), leafHash(entries[20] ?? new Uint8Array(0)));
  });

  it('names its subtrees also beyond 32 bits', () => {
    assert.deepEqual(subtreeHeights(0), []);
    assert.deepEqual(subtreeHeights(2 ** 40 + 5), [40, 2, 0]);
    const size = 2 ** 52 + 2 ** 33 + 1;
    const hashes = packed([emptyRoot(), emptyRoot(), emptyRoot()]);
    const range = createRange({ size, hashes });
    range.append(emptyRoot());
    assert.equal(range.size, size + 1);
    assert.deepEqual(
      range.root(),
      nodeHash(emptyRoot(), nodeHash(emptyRoot(), nodeHash(emptyRoot(), emptyRoot()))),
    );
  });
});

describe('the leaf hash', () => {
  it('is the same in place, in both forms, and leaves the block as it was', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(10), (entry, lead) => {
        const block = new Uint8Array(lead + 1 + entry.length + 3).fill(0x0a);
        block.set(entry, lead + 1);
        const before = block.slice();
        const out = new Uint8Array(40);
        const base64 = leafHashInPlace(block, lead + 1, lead + 1 + entry.length, out, 5);
        assert.equal(base64, encodeBase64(leafHash(entry)));
        assert.deepEqual(out.slice(5, 37), leafHash(entry));
        assert.equal(leafHashInPlace(block, lead + 1, lead + 1 + entry.length), base64);
        assert.deepEqual(block, before);
      }),
    );
  });

  it('needs a byte before the entry', () => {
    assert.throws(() => leafHashInPlace(new Uint8Array(4), 0, 4), /invariant broken/);
  });
});
