import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { fasterOf, type LeafBackend, leafBackends } from '../../../src/core/tlog/leaf-hashing.ts';
import { createKernel } from '../../../src/core/wasm/kernel.ts';
import { ROW_BYTES, ROW_END } from '../../../src/core/wasm/lines.ts';

const TABLE = 4_096;
const HASHES = 32_768;
const START = 65_536;
const kernel = createKernel(4 * 65_536);
assert.ok(kernel !== undefined, 'this Node has WebAssembly with SIMD');
const { bytes } = kernel;
const words = new Int32Array(bytes.buffer);
const backends = leafBackends(kernel, { table: TABLE, hashes: HASHES });

describe('the hashes of the lines of a table', () => {
  it('are the same by every way, for any number of lines of any lengths', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 900 }), { minLength: 1, maxLength: 11 }), (lengths) => {
        let end = START;
        const expected = lengths.map((length, i) => {
          bytes.fill(i + length, end, end + length);
          const hash = createHash('sha256')
            .update(bytes.subarray(end, end + length))
            .digest('hex');
          end += length;
          words[(TABLE + i * ROW_BYTES) / 4 + ROW_END] = end;
          return hash;
        });
        for (const hashLines of Object.values(backends)) {
          bytes.fill(0, HASHES, HASHES + 32 * lengths.length);
          hashLines(START, lengths.length);
          const got = lengths.map((_, i) =>
            Buffer.from(bytes.subarray(HASHES + i * 32, HASHES + i * 32 + 32)).toString('hex'),
          );
          assert.deepEqual(got, expected);
        }
      }),
    );
  });
});

describe('the choice between ways to hash', () => {
  /** Which way was taken `calls` times, when each takes so long for a line. */
  function taken(costs: Record<LeafBackend, (call: number) => number>, calls: number): LeafBackend[] {
    const ways: LeafBackend[] = [];
    let time = 0;
    const way = (backend: LeafBackend) => (_before: number, count: number) => {
      time += costs[backend](ways.length) * count;
      ways.push(backend);
    };
    const hashLines = fasterOf({ native: way('native'), lanes: way('lanes') }, () => time);
    for (let i = 0; i < calls; i++) hashLines(0, 100);
    return ways;
  }

  it('tries both and goes on with the faster one, whatever disturbs single calls', () => {
    const disturbed = (cost: number) => (call: number) => (call % 3 === 0 ? 50 : cost);
    const fast = taken({ native: disturbed(3), lanes: disturbed(2) }, 200).slice(16);
    assert.deepEqual([...new Set(fast)], ['lanes']);
    const slow = taken({ native: disturbed(2), lanes: disturbed(3) }, 200).slice(16);
    assert.deepEqual([...new Set(slow)], ['native']);
  });

  it('turns when the other one has become the faster one', () => {
    const ways = taken({ native: (call) => (call < 100 ? 1 : 4), lanes: () => 2 }, 3_000);
    assert.deepEqual([...new Set(ways.slice(16, 100))], ['native']);
    assert.equal(ways.slice(-200).filter((way) => way === 'lanes').length >= 199, true);
  });
});
