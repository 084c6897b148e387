import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encodeUtf8 } from '../../../src/core/bytes.ts';
import { createFolder, FOLD_BYTES } from '../../../src/core/tlog/fold.ts';
import { leafHash } from '../../../src/core/tlog/tree.ts';
import { createKernel } from '../../../src/core/wasm/kernel.ts';
import { MTH } from './naive.ts';

describe('the root over packed hashes', () => {
  it('is that of the recursive definition at every width, with the kernel and without', () => {
    const entries = Array.from({ length: 800 }, (_, i) => encodeUtf8(`entry ${i}`));
    const leaves = entries.map(leafHash);
    const folders = [createFolder(createKernel(FOLD_BYTES)), createFolder(undefined)];
    for (const width of [
      ...Array.from({ length: 140 }, (_, i) => i + 1),
      255,
      256,
      257,
      511,
      512,
      513,
      769,
      800,
    ]) {
      const packed = new Uint8Array(Buffer.concat(leaves.slice(0, width)));
      const before = packed.slice();
      for (const fold of folders)
        assert.deepEqual(fold(packed), MTH(entries.slice(0, width)), `width ${width}`);
      assert.deepEqual(packed, before, 'the input was altered');
    }
    for (const fold of folders) assert.throws(() => fold(new Uint8Array(31)), /invariant broken/);
  });
});
