/** Whether the part of a log that is missing at its front was removed by name, found out before anything is written. */
import { isTallyError } from '../core/error.ts';
import type { LogReader } from '../core/ports.ts';
import { type PruneBegun, type PruneFold, pruneIn } from '../core/retention/prune-entry.ts';
import { checkInclusion, proveInclusion, treeRoot } from '../core/tlog/proof.ts';
import { type TileReader, tileHashReader } from '../core/tlog/tiling.ts';
import { leafHash } from '../core/tlog/tree.ts';
import { damaged } from './claims.ts';
import { scanEntriesAt } from './lines.ts';

interface Missing {
  /** Index of the first entry that is there. */
  readonly first: number;
  /** Entries from here on were read and led to the signed root; those before rest on `tiles`, which do too. */
  readonly base: number;
  readonly signed: number;
  readonly tiles: TileReader;
}

/**
 * Errors: `LOG_DAMAGED` unless a `log.prune` below the signed size names everything before `first`. What the registry
 * remembers of it is a cache, so the entry itself is read, and shown to be in the tree.
 */
export async function requirePruned(
  log: LogReader,
  { first, base, signed, tiles }: Missing,
  prunes: PruneFold,
): Promise<void> {
  const { held } = prunes.state(signed);
  for (const note of held.filter(({ to }) => to >= first).reverse())
    if (await stands(log, note, base, tiles)) return;
  throw damaged(`the entries before ${first} are missing, and no signed entry says that they were pruned`, 0);
}

async function stands(
  log: LogReader,
  { index, to, carried }: PruneBegun,
  base: number,
  tiles: TileReader,
): Promise<boolean> {
  let line: Uint8Array | undefined;
  await scanEntriesAt(log, [index], (found) => {
    line = Uint8Array.from(found.bytes.subarray(found.start, found.end));
  });
  if (line === undefined) return false;
  const note = pruneIn(line);
  if (note?.kind !== 'begun' || note.index !== index || note.to !== to || note.carried !== carried)
    return false;
  if (index >= base) return true;
  try {
    const hashes = tileHashReader(base, tiles);
    const proof = await proveInclusion(index, base, hashes);
    checkInclusion(proof, index, leafHash(line), base, await treeRoot(base, hashes));
    return true;
  } catch (error) {
    if (isTallyError(error)) return false;
    throw error;
  }
}
