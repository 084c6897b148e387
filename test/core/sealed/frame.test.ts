import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { constants, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { frameEnd } from '../../../src/core/sealed/frame.ts';

const content = fc.oneof(
  fc.uint8Array({ maxLength: 2_000 }),
  // Several blocks, and one that is a run.
  fc.integer({ min: 0, max: 400_000 }).map((length) => new Uint8Array(length)),
  fc.integer({ min: 0, max: 300_000 }).map((length) => Uint8Array.from({ length }, (_, i) => (i * i) >> 3)),
);
const options = fc.record({ level: fc.integer({ min: 1, max: 9 }), checksum: fc.nat(1), sized: fc.nat(1) });
const frame = fc.tuple(content, options).map(([bytes, { level, checksum, sized }]) =>
  zstdCompressSync(bytes, {
    params: {
      [constants.ZSTD_c_compressionLevel]: level,
      [constants.ZSTD_c_checksumFlag]: checksum,
      [constants.ZSTD_c_contentSizeFlag]: sized,
    },
  }),
);

describe('the end of a zstd frame', () => {
  it('is found for every frame that zstd writes, whatever follows it', () => {
    fc.assert(
      fc.property(frame, fc.uint8Array({ maxLength: 50 }), (bytes, behind) => {
        assert.equal(frameEnd(bytes, 0), bytes.length);
        assert.equal(frameEnd(Buffer.concat([bytes, behind]), 0), bytes.length);
        assert.equal(frameEnd(Buffer.concat([behind, bytes]), behind.length), behind.length + bytes.length);
      }),
      { numRuns: 200 },
    );
  });

  it('lies beyond the bytes when the frame is cut anywhere', () => {
    fc.assert(
      fc.property(frame, fc.nat(), (bytes, at) => {
        const cut = at % bytes.length;
        assert.ok(frameEnd(bytes.subarray(0, cut), 0) > cut);
      }),
      { numRuns: 200 },
    );
  });

  it('is an answer on any bytes', () => {
    const magic = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        const end = frameEnd(Buffer.concat([magic, bytes]), 0);
        assert.ok(end === -1 || end > magic.length);
        assert.ok(Number.isInteger(frameEnd(bytes, 0)));
      }),
      { numRuns: 2_000 },
    );
  });
});
