/**
 * Start-up: find out what is on disk, refuse what cannot be honest, set a torn tail aside, and say where the log goes
 * on. Nothing is written before everything below the signed size and below the remembered head is known to be there.
 *
 * What it checks: both signed roots, and every entry of the segments that hold the tail against its tile or its chain.
 * Older segments are `verify`'s business: opening must not read the whole log.
 */

import { encodeBase64, equalBytes } from '../core/bytes.ts';
import { type Entry, EntrySchema, GENESIS_PREV } from '../core/entry.ts';
import { HASH_BYTES } from '../core/hash.ts';
import { parseJson } from '../core/parse.ts';
import type { LogReader, LogStore, Segment } from '../core/ports.ts';
import type { PruneBegun } from '../core/retention/prune-entry.ts';
import { TILE_WIDTH, tilePath } from '../core/tlog/tile.ts';
import { createTree, type FullTile, loadTreeState, type TileReader, type Tree } from '../core/tlog/tiling.ts';
import { rootOfHashes } from '../core/tlog/tree.ts';
import { type Claims, damaged, openClaims, rolledBack } from './claims.ts';
import { type FoundRotation, type RotationWatch, watchRotations } from './found-rotation.ts';
import { type Line, lineLeaf, lineText, lineType, scanLines } from './lines.ts';
import { denied, linkOf, notSigned } from './links.ts';
import { requirePruned } from './pruned-start.ts';
import type { Projection } from './registry.ts';
import type { Position } from './sequencer.ts';

export interface TornTail {
  /** Files that the tail was moved to, in order. */
  readonly files: readonly { readonly name: string; readonly bytes: number; readonly sha256: string }[];
  /** Index of the first entry that was not good: the log goes on there. */
  readonly at: number;
}

export interface Recovered {
  readonly position: Position;
  /** First index of the segments that were read: everything below rests on stored tiles. */
  readonly base: number;
  readonly tree: Tree;
  /** Full tiles of the segments that were read, as their entries make them. Those on disk may not be durable yet. */
  readonly tiles: readonly FullTile[];
  /** The ones among them that are not on disk like that. */
  readonly unsaved: readonly FullTile[];
  /** Size of the log's own checkpoint. */
  readonly signed: number;
  readonly torn: TornTail | undefined;
  /** The rotation to the prepared key that the unsigned tail tells of, and the index of another one that it tells of. */
  readonly rotation: FoundRotation | undefined;
  readonly unfinished: number | undefined;
  /** Prunes that the unsigned tail tells of. Nothing was removed yet, and anybody may have written them. */
  readonly voided: readonly PruneBegun[];
  /** First indices of the plain segments that are left, ascending. */
  readonly plain: readonly number[];
}

/**
 * A tile's bytes, cut to the width that a tree of some size has there. Only full tiles are stored: the hashes of a
 * partial one above the leaves are the roots of full tiles below it.
 */
export function tileReader(store: Pick<LogReader, 'objects'>): TileReader {
  const read: TileReader = async (level, index, width) => {
    const tile = await store.objects.get(tilePath({ level, index, width: TILE_WIDTH }));
    if (tile !== undefined || level === 0) return tile?.subarray(0, width * HASH_BYTES);
    const partial = new Uint8Array(width * HASH_BYTES);
    for (let i = 0; i < width; i++) {
      const below = await read(level - 1, index * TILE_WIDTH + i, TILE_WIDTH);
      if (below?.length !== TILE_WIDTH * HASH_BYTES) return undefined;
      partial.set(rootOfHashes(below), i * HASH_BYTES);
    }
    return partial;
  };
  return read;
}

/**
 * `prepared`: the key of a rotation that may have been cut short. `onTail` sees every good line of the tail, so that it
 * is read once. Throws `LOG_DAMAGED` or `LOG_ROLLED_BACK`, with nothing
 * written.
 */
export async function recover(
  store: LogStore,
  keys: Parameters<typeof openClaims>[0],
  head: Uint8Array | undefined,
  prepared: string | undefined,
  onTail?: Pick<Projection, 'begin' | 'see' | 'prunes'>,
): Promise<Recovered> {
  const stored = await store.objects.get('checkpoint');
  const segments = await store.segments();
  // Both were made with the log. Without them nothing would tell how much is gone, of a log without entries either.
  if (stored === undefined) throw damaged('the checkpoint of the log is gone');
  if (head === undefined) throw damaged('this machine no longer remembers the head of the log');
  const claims = openClaims(keys, stored, head);
  const tiles = tileReader(store);
  const tail = tailSegments(segments, claims.signed);
  const base = tail[0]?.first ?? 0;
  if (base % TILE_WIDTH !== 0)
    throw damaged(`a segment starts at ${base}, which is no multiple of ${TILE_WIDTH}`);
  const first = segments[0]?.first ?? 0;
  if (first > 0 && onTail === undefined) throw damaged('the first segment of the log is missing', 0);

  await claims.checkBelow(base, tiles);
  await onTail?.begin(base);
  const tree = createTree(await loadTreeState(base, new Uint8Array(0), tiles));
  const position: Position = {
    next: base,
    prev: base === 0 ? GENESIS_PREV : await lastLeaf(base, tiles),
    lastMs: 0,
    segment: base,
    segmentMs: 0,
    announced: new Set(),
  };

  const rotations = watchRotations(claims.signed, prepared);
  let cut: { readonly segment: number; readonly offset: number } | undefined;
  for (const { first } of tail) {
    if (first !== position.next)
      throw damaged(`segment ${first} does not follow entry ${position.next - 1}`, position.next);
    position.segment = first;
    position.announced.clear();
    const offset = await scanSegment(store, first, position, tree, claims, tiles, { rotations, onTail });
    if (offset !== undefined) {
      cut = { segment: first, offset };
      break;
    }
  }
  // Nothing is appended to a sealed segment, and nothing cut from it.
  const final = tail.findLast(({ sealed }) => sealed);
  if (cut !== undefined && final !== undefined && final.first >= cut.segment)
    throw damaged(
      `segment ${final.first} is sealed and does not go on from entry ${position.next - 1}`,
      position.next,
    );
  if (final !== undefined && final.first === position.segment) {
    position.segment = position.next;
    position.announced.clear();
  }
  if (position.next < claims.floor) throw rolledBack(position.next, claims.floor);
  if (first > 0 && onTail !== undefined)
    await requirePruned(store, { first, base, signed: claims.signed, tiles }, onTail.prunes());
  const torn = cut === undefined ? undefined : await setAside(store, tail, cut, position.next);
  if (position.next > claims.signed) await flush(store, tail, position);
  const made = tree.takeTiles();
  return {
    position,
    base,
    tree,
    tiles: made,
    unsaved: await notStored(made, tiles),
    signed: claims.signed,
    torn,
    rotation: rotations.found(),
    unfinished: rotations.unfinished(),
    voided: onTail?.prunes().begunFrom(claims.signed) ?? [],
    plain: segments.flatMap(({ first, sealed }) => (sealed || first > position.segment ? [] : [first])),
  };
}

/** A crash of the machine can lose tiles of the open segment: they are made again from entries that the root vouches for. */
async function notStored(made: readonly FullTile[], tiles: TileReader): Promise<readonly FullTile[]> {
  const stored = await Promise.all(made.map(({ level, index }) => tiles(level, index, TILE_WIDTH)));
  return made.filter(({ bytes }, i) => !equalBytes(stored[i] ?? new Uint8Array(0), bytes));
}

/** The segments from the one that holds the last signed entry on: only below it all tiles are durable. */
function tailSegments(segments: readonly Segment[], signed: number): readonly Segment[] {
  const from = segments.findLastIndex(({ first }) => first < signed);
  return segments.slice(Math.max(0, Math.min(from, segments.length - 1)));
}

async function lastLeaf(size: number, tiles: TileReader): Promise<string> {
  const tile = await tiles(0, size / TILE_WIDTH - 1, TILE_WIDTH);
  if (tile?.length !== TILE_WIDTH * HASH_BYTES)
    throw damaged(`the hash tile before entry ${size} is missing`, size - 1);
  return encodeBase64(tile.subarray(-HASH_BYTES));
}

/** Takes every good entry of a segment into `position` and `tree`; returns the offset of the first bad line, if any. */
async function scanSegment(
  store: LogStore,
  first: number,
  position: Position,
  tree: Tree,
  claims: Claims,
  tiles: TileReader,
  watch: { readonly rotations: RotationWatch; readonly onTail: Pick<Projection, 'see'> | undefined },
): Promise<number | undefined> {
  const fullBelow = claims.signed - (claims.signed % TILE_WIDTH);
  const signedLeaves = await leavesBetween(first, fullBelow, tiles);
  const leaf = new Uint8Array(HASH_BYTES);
  let bad: number | undefined;
  let last: Line | undefined;
  /** First entry that its stored tile does not know: the tile is damaged, or the entry is. The root tells. */
  let suspect: number | undefined;

  /** An entry below the signed size that denies the one before it: the line after it tells which of the two it is. */
  let denies: string | undefined;
  /** The stored tile knows the entry before. */
  let vouched = false;

  await scanLines(store, first, (line) => {
    const index = position.next;
    if (denies !== undefined) throw denied(index, denies, linkOf(line));
    const hash = line.whole ? lineLeaf(line, leaf) : '';
    const stored = signedLeaves(index);
    const asStored = line.whole && stored !== undefined && equalBytes(leaf, stored);
    if (stored !== undefined && !asStored) suspect ??= index;
    const link = asStored ? undefined : linkOf(line);
    if (!asStored && !(link?.index === index && link.prev === position.prev)) {
      if (index < claims.floor) {
        if (suspect !== undefined || vouched || link?.index !== index) throw notSigned(suspect ?? index);
        denies = hash;
        return true;
      }
      bad = line.offset;
      return false;
    }
    const type = lineType(line);
    if (type === 'policy.snapshot') noteAnnouncement(parse(line), position);
    if (index === first) position.segmentMs = timeOf(parse(line));
    vouched = asStored;
    tree.append(leaf);
    position.prev = hash;
    position.next++;
    claims.check(position.next, () => tree.root(), suspect);
    watch.rotations.see(line, tree);
    watch.onTail?.see(line, index, type);
    last = line;
    return true;
  });
  if (denies !== undefined) throw denied(position.next, denies, undefined);
  if (last !== undefined) position.lastMs = timeOf(parse(last));
  return bad;
}

/** Leaf hashes that full tiles hold for entries of one segment. */
async function leavesBetween(
  from: number,
  to: number,
  tiles: TileReader,
): Promise<(index: number) => Uint8Array | undefined> {
  const indices: number[] = [];
  for (let at = from; at < to; at += TILE_WIDTH) indices.push(at / TILE_WIDTH);
  const held = await Promise.all(indices.map((index) => tiles(0, index, TILE_WIDTH)));
  return (index) => {
    const tile = held[Math.floor((index - from) / TILE_WIDTH)];
    if (tile?.length !== TILE_WIDTH * HASH_BYTES) return undefined;
    const at = (index % TILE_WIDTH) * HASH_BYTES;
    return tile.subarray(at, at + HASH_BYTES);
  };
}

function parse(line: Line): Entry | undefined {
  try {
    // Of two lines a segment: what speeds up many costs a start some milliseconds to make.
    const parsed = EntrySchema.safeParse(parseJson(lineText(line)), { jitless: true });
    return parsed.success ? parsed.data : undefined;
  } catch {
    // Not JSON: the caller treats it as the torn line that it is.
    return undefined;
  }
}

function timeOf(entry: Entry | undefined): number {
  return entry === undefined ? 0 : Date.parse(entry.ts);
}

function noteAnnouncement(entry: Entry | undefined, position: Position): void {
  const hash = entry?.type === 'policy.snapshot' ? entry.metadata?.hash : undefined;
  if (typeof hash === 'string') position.announced.add(hash);
}

/**
 * A process that was killed after a write and before its flush left entries that are in the kernel's memory alone. What
 * this start signs and tells of rests on them, and its own first entry may go to another file.
 */
async function flush(store: LogStore, tail: readonly Segment[], position: Position): Promise<void> {
  for (const { first, sealed } of tail) {
    // Behind the last good line everything was set aside, whatever its name says.
    if (sealed || first >= position.next || first > position.segment) continue;
    await store.openSegment(first);
    await store.append(new Uint8Array(0));
  }
}

/** Moves the bad line and everything after it, the last file first: a crash in between leaves a shorter torn tail. */
async function setAside(
  store: LogStore,
  tail: readonly Segment[],
  cut: { readonly segment: number; readonly offset: number },
  at: number,
): Promise<TornTail> {
  const files: { name: string; bytes: number; sha256: string }[] = [];
  for (const { first } of tail.toReversed()) {
    if (first > cut.segment) files.unshift(await store.setAside(first, 0));
    else if (first === cut.segment) files.unshift(await store.setAside(first, cut.offset));
  }
  return { files, at };
}
