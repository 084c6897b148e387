/** What the pass over the entries found, before it is held against the checkpoint. */
import { TILE_WIDTH } from './tile.ts';
import type { RangeState } from './tree.ts';
import {
  type BadEntry,
  type DamagedTile,
  type ExtraLine,
  LISTED,
  type MissingEntries,
} from './verify-report.ts';

/** A break is found again, if at all, when its group of 256 lines is compared. */
const RECENT_BREAKS = 512;

/** A list that stops growing, with a count that does not. */
export interface Tally<T> {
  readonly list: readonly T[];
  readonly count: number;
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

export interface Findings {
  /** Entries that are wrong whatever the tiles say. */
  readonly bad: Tally<BadEntry>;
  /** Entries (apart from those) that a stored tile contradicts. */
  readonly contradicted: Tally<BadEntry>;
  readonly missing: Tally<MissingEntries>;
  readonly extra: Tally<ExtraLine>;
  readonly damagedTiles: Tally<DamagedTile>;
  /** Full tiles below the signed size that are not stored. */
  readonly absentTiles: number;
  readonly breaks: Tally<number>;
}

/**
 * Files findings under the tree or under the chain: an entry at or after `signedSize` is only chained, so whatever is
 * wrong with it breaks the chain. Memory is bounded by `LISTED`.
 */
export interface Recorded extends Findings {
  addBad(entry: BadEntry): void;
  /** Whether it is a signed entry. */
  addContradicted(index: number): boolean;
  /** Entries `from` to `to - 1`. */
  addMissing(from: number, to: number): void;
  addExtra(line: ExtraLine): void;
  addDamagedTile(level: number, index: number): void;
  addAbsentTile(level: number, index: number): void;
  addBreak(index: number): void;
}

function tally<T>(): { readonly list: T[]; count: number; add(item: T, count?: number): void } {
  return {
    list: [],
    count: 0,
    add(item, count = 1) {
      if (this.list.length < LISTED) this.list.push(item);
      this.count += count;
    },
  };
}

export function recordFindings(signedSize: number): Recorded {
  const bad = tally<BadEntry>();
  const contradicted = tally<BadEntry>();
  const missing = tally<MissingEntries>();
  const extra = tally<ExtraLine>();
  const damagedTiles = tally<DamagedTile>();
  const breaks = tally<number>();
  let absentTiles = 0;

  /** An entry can be both out of its chain and wrong in itself. */
  function addBreak(index: number): void {
    if (!breaks.list.includes(index, Math.max(0, breaks.list.length - RECENT_BREAKS))) breaks.add(index);
  }

  return {
    bad,
    contradicted,
    missing,
    extra,
    damagedTiles,
    breaks,
    get absentTiles() {
      return absentTiles;
    },
    addBad(entry) {
      if (entry.index < signedSize) bad.add(entry);
      else addBreak(entry.index);
    },
    addContradicted(index) {
      const signed = index < signedSize;
      if (signed) contradicted.add({ index, reason: 'bytes' });
      else addBreak(index);
      return signed;
    },
    addMissing(from, to) {
      // What is gone from the unsigned tail shows as a break of the chain.
      const end = Math.min(to, signedSize);
      if (from < end) missing.add({ from, to: end }, end - from);
    },
    addExtra(line) {
      if (line.before < signedSize) extra.add(line);
      else addBreak(line.before);
    },
    addDamagedTile: (level, index) => damagedTiles.add({ level, index }),
    addAbsentTile(level, index) {
      if ((index + 1) * TILE_WIDTH ** (level + 1) <= signedSize) absentTiles++;
    },
    addBreak,
  };
}
