import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { LIMITS } from '../../../src/core/limits.ts';
import { decodeSeekTable, encodeSeekTable, SEEK_TABLE_MOST_BYTES } from '../../../src/core/sealed/table.ts';

const size = fc.record({
  length: fc.integer({ min: 1, max: 0xffff_ffff }),
  bytes: fc.integer({ min: 1, max: LIMITS.sealedFrameBytes }),
});
const sizes = fc.array(size, { minLength: 1, maxLength: 256 });

/** Where the file that a table belongs to would end. */
const fileSize = (frames: readonly { readonly length: number }[], table: Uint8Array): number =>
  frames.reduce((sum, { length }) => sum + length, table.length);

describe('the table of a sealed segment', () => {
  it('comes back as it was written, with the place of each frame', () => {
    fc.assert(
      fc.property(sizes, (frames) => {
        const table = encodeSeekTable(frames);
        assert.ok(table.length <= SEEK_TABLE_MOST_BYTES);
        const decoded = decodeSeekTable(table, fileSize(frames, table));
        assert.ok(typeof decoded !== 'string', String(decoded));
        let at = 0;
        let start = 0;
        for (const [i, { length, bytes }] of frames.entries()) {
          assert.deepEqual(decoded.frames[i], { at, length, start, bytes });
          at += length;
          start += bytes;
        }
        assert.equal(decoded.bytes, start);
      }),
    );
  });

  it('is the one that the format describes, byte for byte', () => {
    assert.equal(
      Buffer.from(encodeSeekTable([{ length: 0x0102, bytes: 0x030405 }])).toString('hex'),
      ['5e2a4d18', '11000000', '02010000', '05040300', '01000000', '00', 'b1ea928f'].join(''),
    );
  });

  it('is read with the checksums that other writers add', () => {
    const hex = ['5e2a4d18', '15000000', '02010000', '05040300', 'aabbccdd', '01000000', '80', 'b1ea928f'];
    const table = Buffer.from(hex.join(''), 'hex');
    const decoded = decodeSeekTable(table, 0x0102 + table.length);
    assert.ok(typeof decoded !== 'string');
    assert.deepEqual(decoded.frames, [{ at: 0, length: 0x0102, start: 0, bytes: 0x030405 }]);
  });

  it('counts only when its frames and itself fill the file', () => {
    const frames = [{ length: 100, bytes: 1000 }];
    const table = encodeSeekTable(frames);
    for (const wrong of [-1, 1])
      assert.match(String(decodeSeekTable(table, 100 + table.length + wrong)), /fill the file/);
  });

  it('is refused with any byte of it missing, and with more frames or larger ones than a segment has', () => {
    const table = encodeSeekTable([
      { length: 100, bytes: 1000 },
      { length: 100, bytes: 1000 },
    ]);
    for (let cut = 1; cut <= table.length; cut++) {
      assert.equal(typeof decodeSeekTable(table.subarray(0, -cut), 200 + table.length - cut), 'string');
      assert.equal(typeof decodeSeekTable(table.subarray(cut), 200 + table.length), 'string');
    }
    const bomb = new Uint8Array(table);
    new DataView(bomb.buffer).setUint32(12, LIMITS.sealedFrameBytes + 1, true);
    assert.match(String(decodeSeekTable(bomb, 200 + table.length)), /no frame of 256 entries/);
    const many = new Uint8Array(8 + 257 * 8 + 9).fill(1);
    many.set(table.subarray(0, 4));
    many.set(table.subarray(-9), many.length - 9);
    const view = new DataView(many.buffer);
    view.setUint32(4, many.length - 8, true);
    view.setUint32(many.length - 9, 257, true);
    assert.match(String(decodeSeekTable(many, many.length)), /257 frames/);
  });

  it('is an answer on any bytes, and what it accepts lies inside the file', () => {
    const mutated = fc
      .tuple(sizes, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }), fc.integer())
      .map(([frames, changes, off]) => {
        const table = encodeSeekTable(frames);
        for (const [at, byte] of changes) table[at % table.length] = byte;
        return { table, size: fileSize(frames, table) + (off % 3) };
      });
    const noise = fc.uint8Array({ maxLength: 200 }).map((table) => ({ table, size: table.length + 7 }));
    fc.assert(
      fc.property(fc.oneof(mutated, noise), ({ table, size }) => {
        const decoded = decodeSeekTable(table, size);
        if (typeof decoded === 'string') return;
        for (const { at, length, bytes } of decoded.frames) {
          assert.ok(at + length <= size);
          assert.ok(bytes <= LIMITS.sealedFrameBytes);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
