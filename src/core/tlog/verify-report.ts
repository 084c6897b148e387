/**
 * What verification answers: separate verdicts, never one flag. A verdict that is not configured says so and is
 * neutral; one that could not be reached is incomplete. The shape is printed by `tally verify --json`.
 */

/** Listed particulars stop here; every list has a count beside it that does not. */
export const LISTED = 1_000;

export type Status = 'pass' | 'fail' | 'neutral' | 'incomplete';

/**
 * How an entry was found bad.
 *
 *     bytes        its leaf hash is not the one in the stored hash tile
 *     index        it carries another index than its place in the log (`carries`)
 *     unreadable   it is no entry: `index` and `prev` cannot be read from it
 *     too_long     its line is longer than an entry can be
 *     chain        the entry after it names another leaf hash as `prev`
 *     elimination  all others agree with one another, the signed root does not
 */
export type BadReason = 'bytes' | 'index' | 'unreadable' | 'too_long' | 'chain' | 'elimination';

export interface BadEntry {
  readonly index: number;
  readonly reason: BadReason;
  readonly carries?: number;
}

/** Entries `from` to `to - 1` are not in the log. */
export interface MissingEntries {
  readonly from: number;
  readonly to: number;
}

/** A line that stands before the entry `before` and is not that entry, nor in its place. */
export interface ExtraLine {
  readonly before: number;
  readonly carries?: number;
}

/** A stored hash tile that disagrees with the entries. */
export interface DamagedTile {
  readonly level: number;
  readonly index: number;
}

export interface IntegrityVerdict {
  readonly status: Status;
  /** The lowest index of anything below; absent when nothing is wrong or it cannot be localised. */
  readonly first_bad?: number;
  readonly bad: readonly BadEntry[];
  readonly bad_count: number;
  readonly missing: readonly MissingEntries[];
  readonly missing_count: number;
  readonly extra: readonly ExtraLine[];
  readonly extra_count: number;
  /** Base64 of the recomputed root at the checkpoint's size, when the log reaches it. */
  readonly root?: string;
  readonly note?: string;
}

/**
 * Whether the stored hash tiles are the ones that the entries make. Never decisive: they are made from the entries, and
 * the signed root tells whether those are right. Localisation and the start of a recorder need the tiles.
 */
export interface TilesVerdict {
  readonly status: 'pass' | 'incomplete';
  readonly damaged: readonly DamagedTile[];
  readonly damaged_count: number;
  /** Full tiles below the checkpoint that are not stored. */
  readonly absent_count: number;
}

export interface ChainVerdict {
  readonly status: Status;
  /** Indexes of entries whose `prev` is not the leaf hash of the entry before, or that cannot be read. */
  readonly breaks: readonly number[];
  readonly break_count: number;
  readonly note?: string;
}

/** Where a head comes from decides who could have forged it: the verdict names it. */
export type Ground = 'local' | 'given' | 'witness' | 'anchor';

export interface HeadVerdict {
  readonly ground: Ground;
  readonly name?: string;
  /** `neutral`: it is newer than a published copy, which is its beginning. */
  readonly status: Status;
  readonly size?: number;
  readonly note?: string;
}

export interface AppendOnlyVerdict {
  readonly status: Status;
  readonly heads: readonly HeadVerdict[];
  readonly note?: string;
}

/** One key of the log, good for checkpoints of `from` to `to` entries; without `to`, until now. */
export interface KeyVerdict {
  readonly vkey: string;
  /** `name+id`, as in `signed_by`. */
  readonly key: string;
  readonly from: number;
  readonly to?: number;
}

export interface SignaturesVerdict {
  readonly status: Status;
  /** `pinned`: a key the caller gave. `self-declared`: only the log's own word, which is no pass. */
  readonly key?: 'pinned' | 'self-declared';
  readonly signed_by: readonly string[];
  /** The walk over the rotation notes; absent for a log that has none. */
  readonly keys?: readonly KeyVerdict[];
  readonly note?: string;
}

export interface AnchorVerdict {
  readonly name: string;
  readonly type: string;
  readonly configured: boolean;
  readonly status: 'pass' | 'incomplete';
  /** So many first entries are covered by its newest receipt that counts. */
  readonly size?: number;
  /** Signed entries after those. */
  readonly behind?: number;
  /** Those entries were there by then. Absent when nobody signed a time. */
  readonly not_after?: string;
  readonly note?: string;
}

/** A receipt that an entry names and that is gone or is another one. */
export interface LostReceipt {
  readonly entry: number;
  readonly receipt: string;
  readonly why: 'gone' | 'altered';
}

export interface QuorumVerdict {
  readonly needed: number;
  /** Different witnesses whose cosignature holds. */
  readonly have: number;
  /** So many first entries were cosigned by that many witnesses. */
  readonly size?: number;
}

export interface AnchoredVerdict {
  readonly status: Status;
  readonly note: string;
  readonly anchors?: readonly AnchorVerdict[];
  readonly quorum?: QuorumVerdict;
  /** At most a thousand; the count has no limit. */
  readonly lost?: readonly LostReceipt[];
  readonly lost_count?: number;
}

export interface CompletenessVerdict {
  readonly status: Status;
  /** Files that recovery set aside and nobody has acknowledged. */
  readonly set_aside: readonly string[];
  readonly note?: string;
}

/** One prune that the log tells of, under the signature. */
export interface PruneVerdict {
  /** Of the `log.prune` entry. */
  readonly index: number;
  readonly id: string;
  readonly ts: string;
  /** Entries `from` to `to - 1`. */
  readonly from: number;
  readonly to: number;
  readonly by?: string;
}

/**
 * What was removed by name. Of those entries the leaf hashes are left, in the tiles: the tree, its roots and every proof
 * are checked with them; what the entries said cannot be, nor that they chained to one another.
 */
export interface PrunedVerdict {
  readonly status: 'pass' | 'fail';
  /** So many first entries are not there. */
  readonly entries: number;
  /** Index of the first entry that is there. */
  readonly first: number;
  /** The newest first, as far as they are still in the log. */
  readonly prunes: readonly PruneVerdict[];
  /** The last one was begun and is not finished: the next start of the recorder goes on with it. */
  readonly unfinished?: boolean;
  readonly note?: string;
}

export interface Report {
  readonly origin: string;
  /** Of the checkpoint; absent when there is none that parses. */
  readonly size?: number;
  /** Whole lines read; pruned ones do not count. */
  readonly entries: number;
  readonly bytes: number;
  /** Entries after the checkpoint: chained, not yet signed, never called verified. */
  readonly unsigned: number;
  /** Bytes after the last newline: a write in progress or cut off. */
  readonly torn_bytes: number;
  readonly integrity: IntegrityVerdict;
  /** Absent for a log of which nothing was pruned. */
  readonly pruned?: PrunedVerdict;
  readonly tiles: TilesVerdict;
  readonly chain: ChainVerdict;
  readonly append_only: AppendOnlyVerdict;
  readonly signatures: SignaturesVerdict;
  readonly anchored: AnchoredVerdict;
  readonly completeness: CompletenessVerdict;
}

/**
 * 6 tampering shown; 2 could not find out (no checkpoint, no pinned key, a head that does not parse); 7 incomplete,
 * only when completeness was asked for; 0 integrity, chain, append-only and signatures hold.
 */
export function exitCodeOf(report: Report, options: { readonly completeness?: boolean } = {}): 0 | 2 | 6 | 7 {
  const decisive = [report.integrity, report.chain, report.append_only, report.signatures];
  if (decisive.some(({ status }) => status === 'fail') || report.pruned?.status === 'fail') return 6;
  if (decisive.some(({ status }) => status === 'incomplete')) return 2;
  // Without a pinned key anybody could have signed: that is not an answer. Without heads append-only is neutral.
  if (report.signatures.status !== 'pass') return 2;
  return options.completeness === true && report.completeness.status === 'incomplete' ? 7 : 0;
}
