/**
 * C2SP tlog-tiles v0.1.0: where tiles and entry bundles live, which of them a tree of a given size has, and what is in
 * them.
 *
 *     tile(l, n) = MTH(D[(n*256+i)*256^l : (n*256+i+1)*256^l]) for i in 0..255
 *     bundle     = for each entry: uint16BE length || entry
 */
import { invariant, TallyError } from '../error.ts';
import { HASH_BYTES } from '../hash.ts';
import { LIMITS } from '../limits.ts';

export const TILE_WIDTH = LIMITS.tileWidth;
export const TILE_BYTES = TILE_WIDTH * HASH_BYTES;
/** 256^6 is the last power below 2^53: no tile of a higher level can hold a hash of a tree whose size is safe. */
export const MAX_TILE_LEVEL = 6;

export interface TileId {
  readonly level: number;
  readonly index: number;
  /** Hashes in it: 1 to 255 for a partial tile, 256 for a full one. */
  readonly width: number;
}

export interface BundleId {
  readonly index: number;
  readonly width: number;
}

/** 1234067 → "x001/x234/067" */
export function encodeTileIndex(index: number): string {
  invariant(Number.isSafeInteger(index) && index >= 0, 'a tile index is a safe integer');
  let path = String(index % 1000).padStart(3, '0');
  for (let rest = Math.floor(index / 1000); rest > 0; rest = Math.floor(rest / 1000))
    path = `x${String(rest % 1000).padStart(3, '0')}/${path}`;
  return path;
}

function suffix(width: number): string {
  invariant(Number.isInteger(width) && width >= 1 && width <= TILE_WIDTH, 'a tile is 1 to 256 wide');
  return width === TILE_WIDTH ? '' : `.p/${width}`;
}

export function tilePath({ level, index, width }: TileId): string {
  invariant(Number.isInteger(level) && level >= 0 && level <= MAX_TILE_LEVEL, 'a tile level is 0 to 6');
  return `tile/${level}/${encodeTileIndex(index)}${suffix(width)}`;
}

export function bundlePath({ index, width }: BundleId): string {
  return `tile/entries/${encodeTileIndex(index)}${suffix(width)}`;
}

export type ParsedTilePath = ({ readonly kind: 'tile' } & TileId) | ({ readonly kind: 'entries' } & BundleId);

// Six groups reach past 2^53; more cannot be a safe integer without a leading zero group.
const TILE_PATH = /^tile\/(entries|[0-6])\/((?:x\d{3}\/){0,5}\d{3})(?:\.p\/([1-9]\d{0,2}))?$/;

/** The inverse of `tilePath` and `bundlePath`; anything they would not write is `undefined`. */
export function parseTilePath(path: string): ParsedTilePath | undefined {
  const [, level, groups, partial] = TILE_PATH.exec(path) ?? [];
  if (level === undefined || groups === undefined || groups.startsWith('x000/')) return undefined;
  const index = Number(groups.replaceAll(/[x/]/g, ''));
  const width = partial === undefined ? TILE_WIDTH : Number(partial);
  if (!Number.isSafeInteger(index) || width > TILE_WIDTH - (partial === undefined ? 0 : 1)) return undefined;
  return level === 'entries'
    ? { kind: 'entries', index, width }
    : { kind: 'tile', level: Number(level), index, width };
}

/** Width of tile `index` of `level` in a tree of `size` leaves; 0 when the tree does not reach it. */
export function tileWidth(size: number, level: number, index: number): number {
  const hashes = Math.floor(size / TILE_WIDTH ** level);
  return Math.max(0, Math.min(TILE_WIDTH, hashes - index * TILE_WIDTH));
}

/** Every tile of a tree of `size` leaves, level by level, leftmost first; the last of a level may be partial. */
export function* tilesOf(size: number): Generator<TileId> {
  for (let level = 0; level <= MAX_TILE_LEVEL; level++) {
    for (let index = 0; ; index++) {
      const width = tileWidth(size, level, index);
      if (width > 0) yield { level, index, width };
      if (width < TILE_WIDTH) break;
    }
  }
}

/** Every entry bundle of a tree of `size` leaves, leftmost first. */
export function* bundlesOf(size: number): Generator<BundleId> {
  for (let index = 0; index * TILE_WIDTH < size; index++) yield { index, width: tileWidth(size, 0, index) };
}

export function encodeBundle(entries: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const entry of entries) {
    invariant(entry.length <= LIMITS.entryBytes, 'an entry fits its uint16 length');
    length += 2 + entry.length;
  }
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const entry of entries) {
    view.setUint16(at, entry.length);
    bytes.set(entry, at + 2);
    at += 2 + entry.length;
  }
  return bytes;
}

/**
 * The entries as views of `bytes`. `width` is how many the bundle's path promises. Throws `LOG_DAMAGED` unless the
 * bytes are exactly that many whole entries.
 */
export function decodeBundle(bytes: Uint8Array, width: number): Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const entries: Uint8Array[] = [];
  let at = 0;
  while (at < bytes.length && entries.length < width) {
    if (at + 2 > bytes.length) throw damaged('a length is cut off', entries.length);
    const end = at + 2 + view.getUint16(at);
    if (end > bytes.length) throw damaged('an entry is cut off', entries.length);
    entries.push(bytes.subarray(at + 2, end));
    at = end;
  }
  if (at !== bytes.length) throw damaged('there are bytes after the last entry', entries.length);
  if (entries.length !== width)
    throw damaged(`it holds ${entries.length} entries, not ${width}`, entries.length);
  return entries;
}

function damaged(what: string, entry: number): TallyError {
  return new TallyError('LOG_DAMAGED', `this entry bundle does not decode: ${what}`, {
    hint: 'fetch or publish it again; tally verify shows whether the log itself is whole',
    details: { entry },
  });
}
