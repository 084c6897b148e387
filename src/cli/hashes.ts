import type { LogReader } from '../core/ports.ts';
import { liveTree } from '../core/tlog/live-tree.ts';
import type { HashReader } from '../core/tlog/proof.ts';
import { tileHashReader } from '../core/tlog/tiling.ts';

/**
 * Nodes of the tree of the first `size` entries, out of the stored full tiles and, right of those, the entries
 * themselves. Reading throws `LOG_DAMAGED` when a tile is missing.
 */
export function hashesOf(reader: LogReader, size: number): HashReader {
  const tree = liveTree(reader);
  // One proof asks for several nodes of the same tile, and a partial one is made from entries.
  const made = new Map<string, Promise<Uint8Array | undefined>>();
  return tileHashReader(size, (level, index, width) => {
    const name = `${level}/${index}`;
    const tile = made.get(name) ?? tree.tile({ level, index, width }, size);
    made.set(name, tile);
    return tile;
  });
}
