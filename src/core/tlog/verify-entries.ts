/**
 * One pass over the entries of a log: recomputes every leaf hash, the chain, the tree, and its roots at the sizes that
 * are asked for, and compares with the stored hash tiles. Memory does not grow with the log.
 */
import { decodeBase64 } from '../bytes.ts';
import { HASH_BYTES } from '../hash.ts';
import { mentionsPrune, type PruneNote, pruneIn } from '../retention/prune-entry.ts';
import { createKernel } from '../wasm/kernel.ts';
import { createFieldScanner, GENESIS_PREV, PREV_CHARS } from './fields.ts';
import { TILE_BYTES, TILE_WIDTH } from './tile.ts';
import { collectTiles, TILE_HEIGHT } from './tiling.ts';
import { createRange, emptyRoot, leafHashInPlace, rootOfHashes } from './tree.ts';
import { type Recorded, recordFindings, type SignedTail } from './verify-findings.ts';
import { createLineSplitter, LINE_SPACE_BYTES, type LineSink } from './verify-lines.ts';
import { createOrder, FINE, type Placed, TOO_LONG, UNREADABLE } from './verify-order.ts';
import { type PrunedPart, readPruned } from './verify-pruned.ts';
import { compareTiles, type StoredTile } from './verify-tiles.ts';

export interface EntriesResult {
  readonly findings: Pick<Recorded, 'found'>;
  /** Where the entries begin: those before were pruned. */
  readonly first: number;
  readonly pruned?: PrunedPart;
  /** What the log says of its prunes; looked for only where entries are gone. */
  readonly prunes: readonly PruneNote[];
  /** The index after the last line: where it would stand in a log without missing or inserted lines. */
  readonly lines: number;
  /** The index after the last entry: not `lines` when entries are missing or lines were put in. */
  readonly end: number;
  readonly bytes: number;
  /** Bytes after the last newline. */
  readonly tornBytes: number;
  /** Roots over the first n lines, for each size that was asked for and reached, and for the signed one. */
  readonly roots: ReadonlyMap<number, Uint8Array>;
  /** The bytes of the lines that were asked for, by their place in the log. One that is too long is left out. */
  readonly kept: ReadonlyMap<number, Uint8Array>;
  readonly tail: SignedTail | undefined;
}

export interface EntriesPass {
  /** Before the first block. */
  begin(): Promise<void>;
  push(block: Uint8Array): void;
  /** Compares the tiles completed so far. To be called after each block: they are held until then. */
  settle(): Promise<void>;
  finish(): Promise<EntriesResult>;
  readonly lines: number;
  readonly bytes: number;
}

export interface EntriesOptions {
  /** The index of the first entry that is there, a multiple of 256: what is before rests on the stored tiles. */
  readonly first?: number;
  /** What lies at or after it is not signed. May be infinite. */
  readonly signedSize: number;
  readonly rootsAt: readonly number[];
  /** Places of lines whose bytes are wanted. */
  readonly keep?: readonly number[];
  readonly tile: StoredTile;
}

function carriesPrev(bytes: Uint8Array, at: number, prev: string): boolean {
  for (let i = 0; i < PREV_CHARS; i++) if (bytes[at + i] !== prev.charCodeAt(i)) return false;
  return true;
}

export function createEntriesPass({
  first: begins = 0,
  signedSize,
  rootsAt,
  keep = [],
  tile,
}: EntriesOptions): EntriesPass {
  const findings = recordFindings(signedSize);
  const tiles = compareTiles(tile, findings);

  // Taken from the end: the lowest last. 0 needs no entry.
  const wanted = [...new Set([...rootsAt, signedSize])].filter(Number.isSafeInteger).sort((a, b) => b - a);
  const roots = new Map<number, Uint8Array>();
  if (wanted.at(-1) === 0) roots.set(0, emptyRoot());
  while (wanted.at(-1) === 0) wanted.pop();

  const toKeep = new Set(keep);
  const kept = new Map<number, Uint8Array>();

  const tailFirst = signedSize - (signedSize % TILE_WIDTH);
  const claims = new Map<number, Uint8Array>();
  let tail: SignedTail | undefined;

  const upper = collectTiles(1);
  let range = createRange(undefined, upper.onSubtree);
  let pruned: PrunedPart | undefined;
  const prunes: PruneNote[] = [];
  const kernel = createKernel(LINE_SPACE_BYTES);
  const space = kernel?.bytes ?? new Uint8Array(LINE_SPACE_BYTES);
  const scan = createFieldScanner(space, kernel?.nesting);

  // The open group of lines.
  let first = begins;
  let count = 0;
  let leaves = new Uint8Array(TILE_BYTES);
  let placed: Placed[] | undefined;
  /** Every line so far is the entry of its own number: recomputed upper tiles can be compared. */
  let straight = true;

  let bytes = 0;
  let prev: string = GENESIS_PREV;

  const order = createOrder(
    {
      last: (back) => placed?.[count - back],
      missing(from, to) {
        straight = false;
        findings.addMissing(from, to, first + count);
      },
    },
    begins,
  );

  /** From here on the lines of this group are placed one by one. */
  function placeSingly(): Placed[] {
    placed ??= Array.from({ length: count }, (_, i) => {
      return { place: first + i, judgement: FINE, carries: first + i };
    });
    return placed;
  }

  function keepRoots(): void {
    const end = first + count;
    const tailHere = first === tailFirst && signedSize > first && signedSize <= end;
    if (!tailHere && (wanted.at(-1) ?? Number.POSITIVE_INFINITY) > end) return;
    const state = range.state();
    const upTo = createRange(state);
    for (let size = wanted.at(-1); size !== undefined && size <= end; size = wanted.at(-1)) {
      for (let i = upTo.size - first; i < size - first; i++)
        upTo.append(leaves.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES));
      roots.set(size, upTo.root());
      wanted.pop();
    }
    if (tailHere)
      tail = { first, range: state, leaves: leaves.slice(0, (signedSize - first) * HASH_BYTES), claims };
  }

  function closeGroup(): void {
    keepRoots();
    tiles.add({ first, leaves: leaves.subarray(0, count * HASH_BYTES), placed });
    if (count === TILE_WIDTH) {
      range.append(rootOfHashes(leaves), TILE_HEIGHT);
      const full = upper.take();
      if (straight) tiles.addUpper(full);
    }
    first += count;
    count = 0;
    leaves = new Uint8Array(TILE_BYTES);
    placed = undefined;
  }

  /**
   * Gives the next line its place, and the group room for it. A full group is closed only now: its last line may have
   * been undecided until this one was read.
   */
  function place(carries: number, chained: boolean, judgement: number): void {
    let line: Placed | undefined;
    if (carries === order.expected && !order.unsettled) order.advance();
    else {
      placeSingly();
      line = order.next(carries, chained, judgement);
    }
    if (count === TILE_WIDTH) closeGroup();
    const at = order.expected - 1;
    if (at !== first + count) straight = false;
    if (line !== undefined || placed !== undefined || !straight)
      placeSingly().push(line ?? { place: at, judgement: FINE, carries });
  }

  /** Remembers what an entry of the signed tail was, by the word of the entry after it. */
  function keepClaim(block: Uint8Array, at: number): void {
    const before = first + count - 1;
    if (before < tailFirst || before >= signedSize) return;
    const claim = decodeBase64(String.fromCharCode(...block.subarray(at, at + PREV_CHARS)));
    if (claim?.length === HASH_BYTES) claims.set(before, claim);
  }

  const sink: LineSink = {
    line(block, start, end) {
      const fields = scan(start, end);
      // Of a pruned entry whose tile is lost nobody knows the leaf hash; the tile is accused, and not the next entry.
      const unknown = prev === '' && first + count === begins && begins > 0;
      const chained = fields !== undefined && (unknown || carriesPrev(block, fields.prevStart, prev));
      place(fields?.index ?? -1, chained, UNREADABLE);
      if (!chained) {
        findings.addBreak(fields?.index ?? order.expected - 1);
        if (fields !== undefined) keepClaim(block, fields.prevStart);
      }
      if (begins > 0 && mentionsPrune(block, start, end)) {
        const note = pruneIn(block.subarray(start, end));
        // Where it says that it stands: a line that was moved is accused of that.
        if (note !== undefined && note.index === first + count) prunes.push(note);
      }
      if (toKeep.size > 0 && toKeep.has(first + count)) kept.set(first + count, block.slice(start, end));
      prev = leafHashInPlace(block, start, end, leaves, count * HASH_BYTES);
      count++;
    },
    tooLong() {
      place(-1, false, TOO_LONG);
      findings.addBreak(order.expected - 1);
      // No entry: any leaf will do that no entry has.
      leaves.fill(0, count * HASH_BYTES, (count + 1) * HASH_BYTES);
      prev = '';
      count++;
    },
  };
  const splitter = createLineSplitter(sink, space);

  return {
    async begin() {
      if (begins === 0) return;
      const read = await readPruned(begins, {
        tile,
        rootsAt: [...wanted, begins],
        keep,
        onSubtree: upper.onSubtree,
        async settle() {
          tiles.addUpper(upper.take());
          await tiles.settle();
        },
      });
      range = read.range;
      pruned = read.part;
      prev = pruned.leaf;
      for (const [size, root] of pruned.roots) roots.set(size, root);
      while ((wanted.at(-1) ?? Number.POSITIVE_INFINITY) <= begins) wanted.pop();
    },
    get lines() {
      return first + count;
    },
    get bytes() {
      return bytes;
    },
    push(block) {
      bytes += block.length;
      splitter.push(block);
    },
    settle: () => tiles.settle(),
    async finish() {
      order.end();
      if (count > 0) closeGroup();
      await tiles.settle();
      const [lines, end] = [first, order.expected];
      return {
        findings,
        first: begins,
        ...(pruned === undefined ? {} : { pruned }),
        prunes,
        lines,
        end,
        bytes,
        tornBytes: splitter.open,
        roots,
        kept,
        tail,
      };
    },
  };
}
