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
 * wrong with it breaks the chain. Memory is bounded by `LISTED`. `at`: the place of the line among the lines.
 */
export interface Recorded {
  addBad(entry: BadEntry, at: number): void;
  /** Whether it is a signed entry. */
  addContradicted(index: number): boolean;
  /** Entries `from` to `to - 1`. */
  addMissing(from: number, to: number, at: number): void;
  addExtra(line: ExtraLine, at: number): void;
  addDamagedTile(level: number, index: number): void;
  addAbsentTile(level: number, index: number): void;
  addBreak(index: number): void;
  /**
   * What was found. A root that holds vouches for every byte of as many lines as were signed: a line behind them that
   * says it was one of them, whatever is wrong with it, breaks the chain, and the tiles are wrong where they contradict.
   */
  found(rootHolds: boolean): Findings;
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

const NONE = { list: [], count: 0 } as const;

function both<T>(a: Tally<T>, b: Tally<T>): Tally<T> {
  return { list: [...a.list, ...b.list].slice(0, LISTED), count: a.count + b.count };
}

export function recordFindings(signedSize: number): Recorded {
  const bad = tally<BadEntry>();
  /** Of lines behind as many as were signed. */
  const behind = { bad: tally<BadEntry>(), missing: tally<MissingEntries>(), extra: tally<ExtraLine>() };
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

  const isBehind = (at: number): boolean => at >= signedSize;

  /** In the order of the lines, each once. */
  function withBehind(): Tally<number> {
    const claimed = [
      ...behind.bad.list.map(({ index }) => index),
      ...behind.missing.list.map(({ from }) => from),
      ...behind.extra.list.map(({ before }) => before),
    ];
    const more = [...new Set(claimed)].filter((index) => !breaks.list.includes(index));
    return both(breaks, { list: more, count: more.length });
  }

  return {
    found: (rootHolds) => ({
      bad: rootHolds ? bad : both(bad, behind.bad),
      contradicted: rootHolds ? NONE : contradicted,
      missing: rootHolds ? missing : both(missing, behind.missing),
      extra: rootHolds ? extra : both(extra, behind.extra),
      breaks: rootHolds ? withBehind() : breaks,
      damagedTiles,
      absentTiles,
    }),
    addBad(entry, at) {
      if (entry.index < signedSize) (isBehind(at) ? behind.bad : bad).add(entry);
      else addBreak(entry.index);
    },
    addContradicted(index) {
      const signed = index < signedSize;
      if (signed) contradicted.add({ index, reason: 'bytes' });
      else addBreak(index);
      return signed;
    },
    addMissing(from, to, at) {
      // What is gone from the unsigned tail shows as a break of the chain.
      const end = Math.min(to, signedSize);
      if (from < end) (isBehind(at) ? behind.missing : missing).add({ from, to: end }, end - from);
    },
    addExtra(line, at) {
      if (line.before < signedSize) (isBehind(at) ? behind.extra : extra).add(line);
      else addBreak(line.before);
    },
    addDamagedTile: (level, index) => damagedTiles.add({ level, index }),
    addAbsentTile(level, index) {
      if ((index + 1) * TILE_WIDTH ** (level + 1) <= signedSize) absentTiles++;
    },
    addBreak,
  };
}
