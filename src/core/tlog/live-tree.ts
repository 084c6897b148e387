/**
 * Every tile and bundle of a log that is being written: full tiles from the store, all others out of the entries and of
 * the tiles below. Whatever width a signed size ever made necessary can be had, since none of it changes.
 */
import { HASH_BYTES } from '../hash.ts';
import { LIMITS } from '../limits.ts';
import type { LogReader } from '../ports.ts';
import { parseCheckpoint } from './checkpoint.ts';
import { createEntryReader } from './entry-reader.ts';
import { parseNote } from './note.ts';
import {
  type BundleId,
  encodeBundle,
  TILE_BYTES,
  TILE_WIDTH,
  type TileId,
  tilePath,
  tileWidth,
} from './tile.ts';
import { leafHash, rootOfHashes } from './tree.ts';

export interface LiveTree {
  /** The newest signed note as it is stored, and the size in it. Nobody has checked who signed it. */
  checkpoint(): Promise<{ readonly note: Uint8Array; readonly size: number } | undefined>;
  /** `undefined` when the tree of `size` does not reach so far, or the store has lost what it is made of. */
  tile(id: TileId, size: number): Promise<Uint8Array | undefined>;
  bundle(id: BundleId, size: number): Promise<Uint8Array | undefined>;
}

/** Cost of a call: at most 256 entries or 256 stored tiles, plus one search of a segment. */
export function liveTree(reader: LogReader): LiveTree {
  const entries = createEntryReader(reader);
  const roots = new Map<string, Uint8Array>();

  async function stored(level: number, index: number): Promise<Uint8Array | undefined> {
    const bytes = await reader.objects.get(tilePath({ level, index, width: TILE_WIDTH }));
    return bytes?.length === TILE_BYTES ? bytes : undefined;
  }

  async function linesOf({ index, width }: BundleId): Promise<Uint8Array[] | undefined> {
    const first = index * TILE_WIDTH;
    const lines = await entries.lines(first, first + width);
    const fits = lines.every(({ length }) => length <= LIMITS.entryBytes);
    return lines.length === width && fits ? lines : undefined;
  }

  /** Full tiles never change: neither do their roots. */
  async function rootOf(level: number, index: number): Promise<Uint8Array | undefined> {
    const path = tilePath({ level, index, width: TILE_WIDTH });
    const known = roots.get(path);
    if (known !== undefined) return known;
    // The store may lack tiles of its open segment after a crash of the machine; level 0 follows from the entries.
    const bytes = (await stored(level, index)) ?? (level === 0 ? await leaves(index, TILE_WIDTH) : undefined);
    if (bytes === undefined) return undefined;
    const root = rootOfHashes(bytes);
    const [oldest] = roots.keys();
    if (roots.size >= LIMITS.rememberedTileRoots && oldest !== undefined) roots.delete(oldest);
    roots.set(path, root);
    return root;
  }

  async function leaves(index: number, width: number): Promise<Uint8Array | undefined> {
    const lines = await linesOf({ index, width });
    if (lines !== undefined) return packed(lines.map(leafHash));
    // Where the entries were pruned the tile is full, and kept.
    return (await stored(0, index))?.subarray(0, width * HASH_BYTES);
  }

  async function rootsBelow(level: number, index: number, width: number): Promise<Uint8Array | undefined> {
    const found: Uint8Array[] = [];
    for (let i = 0; i < width; i++) {
      const root = await rootOf(level - 1, index * TILE_WIDTH + i);
      if (root === undefined) return undefined;
      found.push(root);
    }
    return packed(found);
  }

  return {
    async checkpoint() {
      const note = await reader.objects.get('checkpoint');
      return note === undefined ? undefined : { note, size: parseCheckpoint(parseNote(note).text).size };
    },
    async tile({ level, index, width }, size) {
      if (width > tileWidth(size, level, index)) return undefined;
      // One that is stored serves its partials too.
      const full = tileWidth(size, level, index) === TILE_WIDTH ? await stored(level, index) : undefined;
      if (full !== undefined) return full.subarray(0, width * HASH_BYTES);
      return level === 0 ? leaves(index, width) : rootsBelow(level, index, width);
    },
    async bundle(id, size) {
      if (id.width > tileWidth(size, 0, id.index)) return undefined;
      const lines = await linesOf(id);
      return lines === undefined ? undefined : encodeBundle(lines);
    },
  };
}

function packed(hashes: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(hashes.length * HASH_BYTES);
  hashes.forEach((hash, i) => {
    bytes.set(hash, i * HASH_BYTES);
  });
  return bytes;
}
