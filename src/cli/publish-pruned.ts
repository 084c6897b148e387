/**
 * What is published of entries that were pruned before they were published: their hash tiles, so that every proof of what
 * is left verifies, and what their prune carried on. Their bundles nobody has any more.
 */
import { encodeUtf8, equalBytes } from '../core/bytes.ts';
import { TallyError } from '../core/error.ts';
import type { LogReader } from '../core/ports.ts';
import type { PublishedFile } from '../core/tlog/publish.ts';
import { FIRST_ENTRY } from '../core/tlog/published.ts';
import { TILE_WIDTH, tilePath } from '../core/tlog/tile.ts';
import {
  collectTiles,
  createTree,
  type FullTile,
  loadTreeState,
  TILE_HEIGHT,
  type TreeState,
} from '../core/tlog/tiling.ts';
import { createRange, rootOfHashes } from '../core/tlog/tree.ts';
import { tileReader } from '../recorder/recover.ts';

/** The tree of the first `first` entries, to go on from. Throws `LOG_DAMAGED` when a tile is missing. */
export function prunedState(reader: LogReader, first: number): Promise<TreeState> {
  return loadTreeState(first, new Uint8Array(0), tileReader(reader));
}

/** Every full tile of those entries, recomputed from the lowest ones, which have to lead to `state`. */
export async function* prunedFiles(
  reader: LogReader,
  first: number,
  state: TreeState,
): AsyncGenerator<PublishedFile> {
  const upper = collectTiles(1);
  const range = createRange(undefined, upper.onSubtree);
  for (let index = 0; index * TILE_WIDTH < first; index++) {
    const path = tilePath({ level: 0, index, width: TILE_WIDTH });
    const bytes = await reader.objects.get(path);
    if (bytes === undefined) throw lost(path);
    range.append(rootOfHashes(bytes), TILE_HEIGHT);
    yield { path, bytes };
    yield* upper.take().map(fileOf);
  }
  if (!equalBytes(range.root(), createTree(state).root())) throw lost('a tile of pruned entries');
  for (const path of await reader.objects.list('pruned/')) {
    const bytes = path.endsWith('.json') ? await reader.objects.get(path) : undefined;
    if (bytes !== undefined) yield { path, bytes };
  }
  yield { path: FIRST_ENTRY, bytes: encodeUtf8(`${first}\n`) };
}

function fileOf({ level, index, bytes }: FullTile): PublishedFile {
  return { path: tilePath({ level, index, width: TILE_WIDTH }), bytes };
}

function lost(what: string): TallyError {
  return new TallyError('LOG_DAMAGED', `this log cannot be published: ${what} is gone or is another one`, {
    hint: 'tally verify shows what is wrong with it',
  });
}
