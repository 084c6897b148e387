/**
 * One pass over the entries of a log: recomputes every leaf hash, the chain, the tree, and its roots at the sizes that
 * are asked for, and compares with the stored hash tiles. Memory does not grow with the log.
 */
import { decodeBase64, equalBytes } from '../bytes.ts';
import { GENESIS_PREV } from '../entry.ts';
import { HASH_BYTES } from '../hash.ts';
import { createFieldScanner, PREV_CHARS } from './fields.ts';
import { TILE_BYTES, TILE_WIDTH } from './tile.ts';
import { collectTiles, type FullTile, TILE_HEIGHT } from './tiling.ts';
import { createRange, emptyRoot, leafHashInPlace, type RangeState, rootOfHashes } from './tree.ts';
import { createLineSplitter } from './verify-lines.ts';
import {
  createOrder,
  EXTRA,
  FINE,
  PIECE,
  type Placed,
  TOO_LONG,
  UNREADABLE,
  WRONG_INDEX,
} from './verify-order.ts';
import {
  type BadEntry,
  type BadReason,
  type DamagedTile,
  type ExtraLine,
  LISTED,
  type MissingEntries,
} from './verify-report.ts';

/** A list that stops growing, with a count that does not. */
export interface Tally<T> {
  readonly list: T[];
  count: number;
}

function tally<T>(): Tally<T> {
  return { list: [], count: 0 };
}

function add<T>(to: Tally<T>, item: T, count = 1): void {
  if (to.list.length < LISTED) to.list.push(item);
  to.count += count;
}

/** The partial tile that ends at the signed size, kept for localising what no stored tile covers. */
export interface SignedTail {
  readonly first: number;
  /** The range up to `first`. */
  readonly range: RangeState;
  /** Recomputed leaf hashes, packed. */
  readonly leaves: Uint8Array;
  /** By index: the leaf hash that the entry after it claims, where that is another one. */
  readonly claims: ReadonlyMap<number, Uint8Array>;
}

export interface EntriesFindings {
  readonly lines: number;
  /** The index after the last entry: less or more than `lines` when entries are missing or lines were put in. */
  readonly end: number;
  readonly bytes: number;
  readonly tornBytes: number;
  /** Roots over the first n lines, for each size that was asked for and reached. */
  readonly roots: ReadonlyMap<number, Uint8Array>;
  /** Entries that are wrong whatever the tiles say. */
  readonly bad: Tally<BadEntry>;
  /** Entries (apart from those) that a stored tile contradicts. */
  readonly contradicted: Tally<BadEntry>;
  readonly missing: Tally<MissingEntries>;
  readonly extra: Tally<ExtraLine>;
  readonly damagedTiles: Tally<DamagedTile>;
  readonly absentTiles: number;
  readonly breaks: Tally<number>;
  readonly tail: SignedTail | undefined;
}

export type StoredTile = (level: number, index: number) => Promise<Uint8Array | undefined>;

export interface EntriesPass {
  push(block: Uint8Array): void;
  /** Compares the tiles completed so far. To be called often: they are held until then. */
  settle(): Promise<void>;
  finish(): Promise<EntriesFindings>;
  readonly lines: number;
  readonly bytes: number;
}

const REASONS: Readonly<Record<number, BadReason>> = {
  [WRONG_INDEX]: 'index',
  [UNREADABLE]: 'unreadable',
  [TOO_LONG]: 'too_long',
};

/** 256 lines with their leaf hashes. `placed` is absent while every line is the entry of its own number. */
interface Group {
  readonly first: number;
  readonly leaves: Uint8Array;
  readonly placed: readonly Placed[] | undefined;
}

function carriesPrev(bytes: Uint8Array, at: number, prev: string): boolean {
  for (let i = 0; i < PREV_CHARS; i++) if (bytes[at + i] !== prev.charCodeAt(i)) return false;
  return true;
}

export function createEntriesPass(options: {
  /** What lies at or after it is not signed: it breaks the chain, not the tree. */
  readonly signedSize: number;
  readonly rootsAt: readonly number[];
  readonly tile: StoredTile;
}): EntriesPass {
  const { signedSize, tile } = options;
  const bad = tally<BadEntry>();
  const contradicted = tally<BadEntry>();
  const missing = tally<MissingEntries>();
  const extra = tally<ExtraLine>();
  const damagedTiles = tally<DamagedTile>();
  const breaks = tally<number>();
  let absentTiles = 0;

  const wanted = [
    ...new Set([...options.rootsAt, ...(Number.isSafeInteger(signedSize) ? [signedSize] : [])]),
  ];
  wanted.sort((a, b) => a - b);
  const roots = new Map<number, Uint8Array>();
  if (wanted[0] === 0) roots.set(0, emptyRoot());
  let nextWanted = wanted.findIndex((size) => size > 0);
  if (nextWanted < 0) nextWanted = wanted.length;

  const tailFirst = signedSize - (signedSize % TILE_WIDTH);
  const claims = new Map<number, Uint8Array>();
  let tail: SignedTail | undefined;

  const upper = collectTiles(1);
  const range = createRange(undefined, upper.onSubtree);
  const scan = createFieldScanner();

  // The open group.
  let first = 0;
  let count = 0;
  let leaves = new Uint8Array(TILE_BYTES);
  let placed: Placed[] | undefined;
  let waiting: Group[] = [];
  let waitingUpper: FullTile[] = [];
  /** Every line so far is the entry of its own number: recomputed upper tiles can be compared. */
  let straight = true;

  let bytes = 0;
  let prev: string = GENESIS_PREV;

  const order = createOrder({
    last: (back) => placed?.[count - back],
    missing: (from, to) => {
      straight = false;
      // A hole in the unsigned tail shows as a break of the chain.
      const end = Math.min(to, signedSize);
      if (from < end) add(missing, { from, to: end }, end - from);
    },
  });

  /** From here on lines of this group are placed one by one. */
  function placeSingly(): Placed[] {
    placed ??= Array.from({ length: count }, (_, i) => ({
      place: first + i,
      judgement: FINE,
      carries: first + i,
    }));
    return placed;
  }

  function keepRoots(): void {
    const end = first + count;
    const tailHere = first === tailFirst && signedSize > first && signedSize <= end;
    if (!tailHere && (wanted[nextWanted] ?? Number.POSITIVE_INFINITY) > end) return;
    const state = range.state();
    for (let size = wanted[nextWanted]; size !== undefined && size <= end; size = wanted[++nextWanted]) {
      const upTo = createRange(state);
      for (let i = 0; i < size - first; i++)
        upTo.append(leaves.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES));
      roots.set(size, upTo.root());
    }
    if (tailHere)
      tail = { first, range: state, leaves: leaves.slice(0, (signedSize - first) * HASH_BYTES), claims };
  }

  function closeGroup(): void {
    keepRoots();
    waiting.push({ first, leaves: leaves.subarray(0, count * HASH_BYTES), placed });
    if (count === TILE_WIDTH) {
      range.append(rootOfHashes(leaves), TILE_HEIGHT);
      if (straight) waitingUpper.push(...upper.take());
    }
    first += count;
    count = 0;
    leaves = new Uint8Array(TILE_BYTES);
    placed = undefined;
  }

  /** Makes room for the next line, whose fields have been read: the line before it is decided by now. */
  function judge(carries: number, chained: boolean, judgement: number): void {
    if (carries === order.expected && !order.unsettled) {
      if (count === TILE_WIDTH) closeGroup();
      if (carries !== first + count) straight = false;
      if (placed !== undefined || carries !== first + count)
        placeSingly().push({ place: carries, judgement: FINE, carries });
      order.advance();
      return;
    }
    placeSingly();
    const line = order.next(carries, chained, judgement);
    if (count === TILE_WIDTH) closeGroup();
    placeSingly().push(line);
    if (line.place !== first + count) straight = false;
  }

  function breakAt(index: number): void {
    if (breaks.list.at(-1) !== index) add(breaks, index);
  }

  function breakOnce(index: number): void {
    if (!breaks.list.includes(index)) add(breaks, index);
  }

  const splitter = createLineSplitter({
    line(block, start, end) {
      const fields = scan(block, start, end);
      const chained = fields !== undefined && carriesPrev(block, fields.prevStart, prev);
      judge(fields?.index ?? -1, chained, UNREADABLE);
      if (!chained) {
        breakAt(fields?.index ?? order.expected - 1);
        const before = first + count - 1;
        if (fields !== undefined && before >= tailFirst && before < signedSize) {
          const at = fields.prevStart;
          const claim = decodeBase64(String.fromCharCode(...block.subarray(at, at + PREV_CHARS)));
          if (claim?.length === HASH_BYTES) claims.set(before, claim);
        }
      }
      prev = leafHashInPlace(block, start, end, leaves, count * HASH_BYTES);
      count++;
    },
    tooLong() {
      judge(-1, false, TOO_LONG);
      breakAt(order.expected - 1);
      // No entry: any leaf will do that no entry has.
      leaves.fill(0, count * HASH_BYTES, (count + 1) * HASH_BYTES);
      prev = '';
      count++;
    },
  });

  async function stored(level: number, index: number): Promise<Uint8Array | undefined> {
    const found = await tile(level, index);
    if (found === undefined) {
      if ((index + 1) * TILE_WIDTH ** (level + 1) <= signedSize) absentTiles++;
      return undefined;
    }
    if (found.length === TILE_BYTES) return found;
    add(damagedTiles, { level, index });
    return undefined;
  }

  function hashAt(hashes: Uint8Array, i: number): Uint8Array {
    return hashes.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES);
  }

  /** An entry after the signed size is only chained: what is wrong with it breaks the chain. */
  function found(to: Tally<BadEntry>, entry: BadEntry): void {
    if (entry.index < signedSize) add(to, entry);
    else breakOnce(entry.index);
  }

  async function compareStraight(group: Group): Promise<void> {
    const index = group.first / TILE_WIDTH;
    const expected = await stored(0, index);
    if (expected === undefined || equalBytes(expected, group.leaves)) return;
    add(damagedTiles, { level: 0, index });
    for (let i = 0; i < TILE_WIDTH; i++)
      if (!equalBytes(hashAt(expected, i), hashAt(group.leaves, i)))
        found(contradicted, { index: group.first + i, reason: 'bytes' });
  }

  async function comparePlaced(group: Group, lines: readonly Placed[]): Promise<void> {
    const tiles = new Map<number, Uint8Array | undefined>();
    for (const [i, { place, judgement, carries }] of lines.entries()) {
      const read = carries < 0 ? {} : { carries };
      const reason = REASONS[judgement];
      if (judgement === PIECE) continue;
      if (judgement === EXTRA) {
        if (place < signedSize) add(extra, { before: place, ...read });
        else breakOnce(place);
      } else if (reason !== undefined) found(bad, { index: place, reason, ...read });
      else {
        const index = Math.floor(place / TILE_WIDTH);
        if (!tiles.has(index)) tiles.set(index, await stored(0, index));
        const expected = tiles.get(index);
        if (
          expected !== undefined &&
          !equalBytes(hashAt(expected, place % TILE_WIDTH), hashAt(group.leaves, i))
        )
          found(contradicted, { index: place, reason: 'bytes' });
      }
    }
  }

  async function settle(): Promise<void> {
    const groups = waiting;
    const tiles = waitingUpper;
    waiting = [];
    waitingUpper = [];
    for (const group of groups) {
      if (group.placed !== undefined) await comparePlaced(group, group.placed);
      else if (group.leaves.length === TILE_BYTES) await compareStraight(group);
    }
    for (const { level, index, bytes: recomputed } of tiles) {
      const expected = await stored(level, index);
      if (expected !== undefined && !equalBytes(expected, recomputed)) add(damagedTiles, { level, index });
    }
  }

  return {
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
    settle,
    async finish() {
      order.end();
      if (count > 0) closeGroup();
      await settle();
      return {
        lines: first,
        end: order.expected,
        bytes,
        tornBytes: splitter.open,
        roots,
        bad,
        contradicted,
        missing,
        extra,
        damagedTiles,
        absentTiles,
        breaks,
        tail,
      };
    },
  };
}
