import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createKernel, KERNEL_SLACK } from '../../../src/core/wasm/kernel.ts';
import { ROW_BYTES, ROW_END, ROW_PREV } from '../../../src/core/wasm/lines.ts';

const TABLE = 4_096;
const HASHES = 16_384;
const START = 32_768;
const made = createKernel(8 * 65_536 + KERNEL_SLACK);
assert.ok(made !== undefined, 'this Node has WebAssembly with SIMD');
const { bytes: space, chain, leaves } = made;
const words = new Int32Array(space.buffer);

describe('the comparison of carried hashes', () => {
  function carried(hashes: readonly Uint8Array[], texts: readonly string[]): number {
    for (const [i, hash] of hashes.entries()) {
      space.set(hash, HASHES + i * 32);
      words[(TABLE + i * ROW_BYTES) / 4 + ROW_PREV] = START + i * 50 + 1;
      space.set(Buffer.from(`"${texts[i] ?? ''}"`), START + i * 50);
    }
    const end = TABLE + hashes.length * ROW_BYTES;
    return (chain(TABLE, end, HASHES) - TABLE) / ROW_BYTES;
  }
  const base64 = (hash: Uint8Array): string => Buffer.from(hash).toString('base64');
  const hash = fc.uint8Array({ minLength: 32, maxLength: 32 });

  it('holds for every hash and its base64', () => {
    fc.assert(
      fc.property(fc.array(hash, { minLength: 1, maxLength: 5 }), (hashes) => {
        assert.equal(carried(hashes, hashes.map(base64)), hashes.length);
      }),
      { numRuns: 2_000 },
    );
  });

  it('stops at the first line that carries anything else, whichever character it is', () => {
    fc.assert(
      fc.property(hash, fc.nat(43), fc.integer({ min: 1, max: 255 }), (bytes, at, mask) => {
        const text = Buffer.from(base64(bytes));
        text[at] = (text[at] ?? 0) ^ mask;
        assert.equal(carried([bytes, bytes, bytes], [base64(bytes), text.toString('latin1'), '']), 1);
      }),
      { numRuns: 2_000 },
    );
  });

  it('stops at a line of which nobody knows where it carries one', () => {
    const zero = new Uint8Array(32);
    carried([zero, zero], [base64(zero), base64(zero)]);
    words[(TABLE + ROW_BYTES) / 4 + ROW_PREV] = 0;
    assert.equal((chain(TABLE, TABLE + 2 * ROW_BYTES, HASHES) - TABLE) / ROW_BYTES, 1);
  });
});

describe('the SHA-256 of lines in lanes', () => {
  function check(lengths: readonly number[], fill: (i: number) => number): void {
    let at = START;
    words[TABLE / 4 - ROW_BYTES / 4 + ROW_END] = at;
    for (const [i, length] of lengths.entries()) {
      for (let j = 0; j < length; j++) space[at + j] = fill(at + j);
      at += length;
      words[(TABLE + i * ROW_BYTES) / 4 + ROW_END] = at;
    }
    space.fill(0xee, HASHES, HASHES + lengths.length * 32 + 16);
    leaves(TABLE, lengths.length / 4, HASHES);
    let from = START;
    for (const [i, length] of lengths.entries()) {
      const expected = createHash('sha256')
        .update(space.subarray(from, from + length))
        .digest('hex');
      const place = HASHES + i * 32;
      assert.equal(Buffer.from(space.subarray(place, place + 32)).toString('hex'), expected, `${length}`);
      from += length;
    }
    assert.equal(space[HASHES + lengths.length * 32], 0xee, 'wrote beyond the hashes');
  }

  it('is that of node:crypto for every length around a block, beside longer and shorter ones', () => {
    for (let length = 1; length < 200; length++) {
      check([length, 1, 130, length], (i) => i * 31);
      check([64, length, length + 1, 65_536], () => 0xff);
    }
  });

  it('is that of node:crypto for any four lines', () => {
    const four = fc.array(fc.integer({ min: 1, max: 2_000 }), { minLength: 4, maxLength: 4 });
    fc.assert(
      fc.property(fc.array(four, { minLength: 1, maxLength: 4 }), fc.nat(255), (lengths, salt) =>
        check(lengths.flat(), (i) => (i * 167 + salt) >> 1),
      ),
    );
  });
});
