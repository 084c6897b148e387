import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { encodeHex, encodeUtf8 } from '../../../src/core/bytes.ts';
import { isTallyError } from '../../../src/core/error.ts';
import {
  bundlePath,
  bundlesOf,
  decodeBundle,
  encodeBundle,
  encodeTileIndex,
  MAX_TILE_LEVEL,
  parseTilePath,
  tilePath,
  tilesOf,
  tileWidth,
} from '../../../src/core/tlog/tile.ts';

const vectors = JSON.parse(
  readFileSync(new URL('../../../spec/vectors/tiles.json', import.meta.url), 'utf8'),
);
const index = fc.oneof(fc.nat(2000), fc.maxSafeNat());
const width = fc.integer({ min: 1, max: 256 });

describe('tile paths', () => {
  it('group the index by three digits', () => {
    assert.equal(encodeTileIndex(0), '000');
    assert.equal(encodeTileIndex(999), '999');
    assert.equal(encodeTileIndex(1000), 'x001/000');
    assert.equal(encodeTileIndex(1_234_067), 'x001/x234/067');
  });

  it('parse to what they were written from', () => {
    fc.assert(
      fc.property(fc.nat(MAX_TILE_LEVEL), index, width, (level, n, w) => {
        assert.deepEqual(parseTilePath(tilePath({ level, index: n, width: w })), {
          kind: 'tile',
          level,
          index: n,
          width: w,
        });
        assert.deepEqual(parseTilePath(bundlePath({ index: n, width: w })), {
          kind: 'entries',
          index: n,
          width: w,
        });
      }),
    );
  });

  it('are the only paths that parse', () => {
    const rewritten = (path: string): string | undefined => {
      const parsed = parseTilePath(path);
      if (parsed === undefined) return undefined;
      return parsed.kind === 'tile' ? tilePath(parsed) : bundlePath(parsed);
    };
    const piece = fc.constantFrom(
      'tile',
      '/',
      'entries',
      '0',
      '6',
      '7',
      'x',
      '000',
      '001',
      '12',
      '.p/',
      '255',
      '256',
      '..',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const path = pieces.join('');
        assert.ok([undefined, path].includes(rewritten(path)), path);
      }),
      { numRuns: 2000 },
    );
    fc.assert(
      fc.property(
        fc.nat(6),
        index,
        width,
        fc.nat(60),
        fc.string({ maxLength: 2 }),
        (level, n, w, at, inserted) => {
          const whole = tilePath({ level, index: n, width: w });
          const path = whole.slice(0, at) + inserted + whole.slice(at + 1);
          assert.ok([undefined, path].includes(rewritten(path)), path);
        },
      ),
    );
  });

  it('agree with spec/vectors/tiles.json', () => {
    for (const { path, entries_path, ...id } of vectors.paths) {
      assert.equal(tilePath(id), path);
      assert.equal(bundlePath(id), entries_path);
    }
    for (const path of vectors.not_paths) assert.equal(parseTilePath(path), undefined, path);
    assert.equal(encodeHex(encodeBundle(vectors.bundle.entries.map(encodeUtf8))), vectors.bundle.hex);
  });

  it('take bounded time for hostile paths', () => {
    const path = `tile/0/${'x001/'.repeat(200_000)}001`;
    const started = performance.now();
    assert.equal(parseTilePath(path), undefined);
    assert.ok(performance.now() - started < 100);
  });
});

describe('the tiles of a tree', () => {
  it('are those of the definition', () => {
    assert.deepEqual([...tilesOf(0)], []);
    assert.deepEqual([...tilesOf(256)].map(tilePath), ['tile/0/000', 'tile/1/000.p/1']);
    assert.deepEqual([...tilesOf(513)].map(tilePath), [
      'tile/0/000',
      'tile/0/001',
      'tile/0/002.p/1',
      'tile/1/000.p/2',
    ]);
    assert.deepEqual([...bundlesOf(513)].map(bundlePath), [
      'tile/entries/000',
      'tile/entries/001',
      'tile/entries/002.p/1',
    ]);
  });

  it('hold every hash of every level once', () => {
    fc.assert(
      fc.property(fc.nat(200_000), (size) => {
        const perLevel = new Map<number, number>();
        for (const tile of tilesOf(size))
          perLevel.set(tile.level, (perLevel.get(tile.level) ?? 0) + tile.width);
        for (let level = 0; level <= MAX_TILE_LEVEL; level++)
          assert.equal(perLevel.get(level) ?? 0, Math.floor(size / 256 ** level));
      }),
      { numRuns: 30 },
    );
    assert.equal(tileWidth(10, 0, 0), 10);
    assert.equal(tileWidth(10, 0, 1), 0);
    assert.equal(tileWidth(Number.MAX_SAFE_INTEGER, 6, 0), 31);
  });
});

describe('entry bundles', () => {
  const damaged = (error: unknown): boolean => isTallyError(error) && error.code === 'LOG_DAMAGED';

  it('decode to their entries', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 }), (entries) => {
        assert.deepEqual(decodeBundle(encodeBundle(entries), entries.length), entries);
      }),
    );
    const longest = new Uint8Array(65_535).fill(1);
    assert.deepEqual(decodeBundle(encodeBundle([longest]), 1), [longest]);
    assert.throws(() => encodeBundle([new Uint8Array(65_536)]), /invariant broken/);
  });

  it('decode from a view that starts anywhere', () => {
    const bundle = encodeBundle([encodeUtf8('abc')]);
    const within = new Uint8Array(bundle.length + 7);
    within.set(bundle, 5);
    assert.deepEqual(decodeBundle(within.subarray(5, 5 + bundle.length), 1).map(encodeHex), ['616263']);
  });

  it('that are anything else are refused', () => {
    const bundle = encodeBundle(['a', 'bc', ''].map(encodeUtf8));
    for (const width of [0, 1, 2, 4]) assert.throws(() => decodeBundle(bundle, width), damaged);
    for (let end = 0; end < bundle.length; end++)
      assert.throws(() => decodeBundle(bundle.slice(0, end), 3), damaged);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 50 }), fc.nat(5), (bytes, count) => {
        try {
          assert.deepEqual(encodeBundle(decodeBundle(bytes, count)), bytes);
        } catch (error) {
          if (!damaged(error)) throw error;
        }
      }),
    );
  });
});
