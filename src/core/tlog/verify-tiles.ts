/** Holds recomputed hashes against the stored hash tiles. */
import { equalBytes } from '../bytes.ts';
import { HASH_BYTES } from '../hash.ts';
import { TILE_BYTES, TILE_WIDTH } from './tile.ts';
import type { FullTile } from './tiling.ts';
import type { Recorded } from './verify-findings.ts';
import { EXTRA, PIECE, type Placed, TOO_LONG, UNREADABLE, WRONG_INDEX } from './verify-order.ts';
import type { BadReason } from './verify-report.ts';

export type StoredTile = (level: number, index: number) => Promise<Uint8Array | undefined>;

/** 256 lines (fewer at the end) with their leaf hashes. */
export interface Group {
  readonly first: number;
  readonly leaves: Uint8Array;
  /** Absent while every line is the entry of its own number. */
  readonly placed: readonly Placed[] | undefined;
}

export interface TileComparison {
  add(group: Group): void;
  addUpper(tiles: readonly FullTile[]): void;
  /** Compares what was added. To be called often: it is held until then. */
  settle(): Promise<void>;
}

const REASONS: Readonly<Record<number, BadReason>> = {
  [WRONG_INDEX]: 'index',
  [UNREADABLE]: 'unreadable',
  [TOO_LONG]: 'too_long',
};

function hashAt(hashes: Uint8Array, i: number): Uint8Array {
  return hashes.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES);
}

export function compareTiles(tile: StoredTile, findings: Recorded): TileComparison {
  let groups: Group[] = [];
  let upper: FullTile[] = [];

  async function stored(level: number, index: number): Promise<Uint8Array | undefined> {
    const found = await tile(level, index);
    if (found?.length === TILE_BYTES) return found;
    if (found === undefined) findings.addAbsentTile(level, index);
    else findings.addDamagedTile(level, index);
    return undefined;
  }

  async function compareStraight({ first, leaves }: Group): Promise<void> {
    const index = first / TILE_WIDTH;
    const expected = await stored(0, index);
    if (expected === undefined || equalBytes(expected, leaves)) return;
    let signed = false;
    for (let i = 0; i < TILE_WIDTH; i++)
      if (!equalBytes(hashAt(expected, i), hashAt(leaves, i)))
        signed = findings.addContradicted(first + i) || signed;
    if (signed) findings.addDamagedTile(0, index);
  }

  async function comparePlaced({ first, leaves }: Group, lines: readonly Placed[]): Promise<void> {
    const tiles = new Map<number, Uint8Array | undefined>();
    for (const [i, { place, judgement, carries }] of lines.entries()) {
      if (judgement === PIECE) continue;
      const read = carries < 0 ? {} : { carries };
      const reason = REASONS[judgement];
      if (judgement === EXTRA) findings.addExtra({ before: place, ...read }, first + i);
      else if (reason !== undefined) findings.addBad({ index: place, reason, ...read }, first + i);
      else {
        const index = Math.floor(place / TILE_WIDTH);
        if (!tiles.has(index)) tiles.set(index, await stored(0, index));
        const expected = tiles.get(index);
        if (expected !== undefined && !equalBytes(hashAt(expected, place % TILE_WIDTH), hashAt(leaves, i)))
          findings.addContradicted(place);
      }
    }
  }

  return {
    add: (group) => groups.push(group),
    addUpper: (tiles) => upper.push(...tiles),
    async settle() {
      const [lower, above] = [groups, upper];
      groups = [];
      upper = [];
      for (const group of lower) {
        if (group.placed !== undefined) await comparePlaced(group, group.placed);
        else if (group.leaves.length === TILE_BYTES) await compareStraight(group);
      }
      for (const { level, index, bytes } of above) {
        const expected = await stored(level, index);
        if (expected !== undefined && !equalBytes(expected, bytes)) findings.addDamagedTile(level, index);
      }
    },
  };
}
