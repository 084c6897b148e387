/**
 * The files of a published log (C2SP tlog-tiles): everything an outside verifier of one checkpoint needs.
 */
import { encodeBase64, equalBytes } from '../bytes.ts';
import { TallyError } from '../error.ts';
import { HASH_BYTES } from '../hash.ts';
import type { VerifiedCheckpoint } from './checkpoint.ts';
import { bundlePath, encodeBundle, MAX_TILE_LEVEL, TILE_WIDTH, tilePath } from './tile.ts';
import { createTree, type Tree, type TreeState } from './tiling.ts';
import { leafHash } from './tree.ts';
import { createLineSplitter } from './verify-lines.ts';

export interface PublishedFile {
  /** Relative to the log's prefix. */
  readonly path: string;
  readonly bytes: Uint8Array;
}

export interface PublishOptions {
  /** Raw blocks of newline-ended entries, from entry `from` on; more than the checkpoint covers may come. */
  readonly blocks: (from: number) => AsyncIterable<Uint8Array>;
  readonly checkpoint: VerifiedCheckpoint;
  /** The signed bytes of `checkpoint`. */
  readonly note: Uint8Array;
  /** Published before: a tree whose size is a multiple of 256. Files that it has are not repeated. */
  readonly since?: TreeState;
}

/**
 * Yields every full and partial tile and entry bundle of the checkpoint's tree, then the checkpoint: written in this
 * order, a reader never sees a checkpoint whose files are not there yet. The tree is recomputed from the entries;
 * throws `LOG_DAMAGED` before the checkpoint when it is not the signed one. Memory: one block of entries.
 */
export async function* publishTree(options: PublishOptions): AsyncGenerator<PublishedFile> {
  const { checkpoint, since } = options;
  const tree = createTree(since);
  let entries: Uint8Array[] = [];
  let ready: PublishedFile[] = [];
  let tooLong = false;

  function closeBundle(): void {
    const index = Math.floor((tree.size - 1) / TILE_WIDTH);
    ready.push({ path: bundlePath({ index, width: entries.length }), bytes: encodeBundle(entries) });
    entries = [];
  }

  const splitter = createLineSplitter({
    line(block, start, end) {
      if (tree.size >= checkpoint.size) return;
      const entry = block.slice(start, end);
      entries.push(entry);
      tree.append(leafHash(entry));
      if (entries.length === TILE_WIDTH) closeBundle();
    },
    tooLong() {
      tooLong = true;
    },
  });

  for await (const block of options.blocks(tree.size)) {
    splitter.push(block);
    if (tooLong) throw damaged(`the line of entry ${tree.size} is longer than an entry can be`);
    for (const { bytes, ...tile } of tree.takeTiles())
      ready.push({ path: tilePath({ ...tile, width: TILE_WIDTH }), bytes });
    yield* ready;
    ready = [];
    if (tree.size >= checkpoint.size) break;
  }
  if (tree.size < checkpoint.size)
    throw damaged(`the log has ${tree.size} entries, its checkpoint covers ${checkpoint.size}`);
  if (!equalBytes(tree.root(), checkpoint.root))
    throw damaged(`the entries lead to the root ${encodeBase64(tree.root())}, which is not the signed one`);

  if (entries.length > 0) closeBundle();
  yield* ready;
  yield* partialTiles(tree);
  yield { path: 'checkpoint', bytes: options.note };
}

function* partialTiles(tree: Tree): Generator<PublishedFile> {
  const { size, partials } = tree.state();
  for (let level = 0; level <= MAX_TILE_LEVEL; level++) {
    const bytes = partials[level];
    if (bytes === undefined || bytes.length === 0) continue;
    const index = Math.floor(size / TILE_WIDTH ** (level + 1));
    yield { path: tilePath({ level, index, width: bytes.length / HASH_BYTES }), bytes };
  }
}

function damaged(what: string): TallyError {
  return new TallyError('LOG_DAMAGED', `this log cannot be published: ${what}`, {
    hint: 'tally verify shows what is wrong with it',
  });
}
