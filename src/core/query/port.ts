/**
 * What may be asked of a log. Drivers answer from an index, which is a read model and never a source of truth: every
 * driver gives what a reading of the whole log would give (test/suites/query.ts holds each to that).
 */
import type { LogFilter } from './filter.ts';
import type { Kind } from './kind.ts';
import type { Row } from './row.ts';

/** What rows are counted by. Values are those of the row's member of that name; rows without one are not counted by it. */
export const DIMENSIONS = [
  'agent',
  'identity',
  'user',
  'run',
  'credential',
  'host',
  'method',
  'tool',
  'type',
  'decision',
  'reasonCode',
  'layer',
  'status',
  'project',
  'environment',
] as const;
export type Dimension = (typeof DIMENSIONS)[number];

/** Rows, by how they came out. `redacted` counts across the kinds. */
export type Tally = Readonly<Record<Kind, number>> & { readonly total: number; readonly redacted: number };

export interface Counted {
  readonly value: string;
  readonly tally: Tally;
  /** Indexes of the first and the last of its rows. */
  readonly first: number;
  readonly last: number;
}

export interface Summary {
  readonly totals: Tally;
  /** The most frequent values, most first; equal ones by value. `distinct` counts those that were cut off too. */
  readonly by: Readonly<
    Partial<Record<Dimension, { readonly distinct: number; readonly values: readonly Counted[] }>>
  >;
  /** Hours that have rows, oldest first: `2026-11-20T14:00:00.000Z`. */
  readonly hours: readonly { readonly hour: string; readonly tally: Tally }[];
  /** Time of the oldest and the newest row. */
  readonly from?: string;
  readonly to?: string;
}

export interface RowsOptions {
  readonly order?: 'newest' | 'oldest';
  readonly limit?: number;
  /** Only rows whose index is below: with `newest`, the page after one that ended there. */
  readonly before?: number;
  /** Only rows whose index is above. */
  readonly after?: number;
}

export interface Query {
  /** Answers reflect the entries 0 to `size` - 1. */
  readonly size: number;
  /** Ordered by index. Nothing is read ahead of what is taken, but for a bounded batch. */
  rows(filter: LogFilter, options?: RowsOptions): AsyncIterable<Row>;
  count(filter: LogFilter): Promise<number>;
  /** `top`: values listed for each dimension. */
  summary(filter: LogFilter, by: readonly Dimension[], top: number): Promise<Summary>;
  /** Values of a dimension that begin with `prefix`, at most `most` of them. */
  beginningWith(dimension: Dimension, prefix: string, most: number): Promise<readonly string[]>;
  /** The index of the entry with that id, whatever row it is part of. */
  indexOf(id: string): Promise<number | undefined>;
  /** Indexes of the entries whose `parent_id` is `id`, oldest first. */
  children(id: string): Promise<readonly number[]>;
  /** The row that the entry at `index` is part of. */
  rowOf(index: number): Promise<Row | undefined>;
  /** Lines that are no entries, so that no row tells of them. `first`: the oldest `LIMITS.malformedShown` places. */
  malformed(): Promise<{ readonly count: number; readonly first: readonly number[] }>;
  close(): Promise<void>;
}
