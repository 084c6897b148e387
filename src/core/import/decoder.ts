/**
 * Reading the records of other programs. A decoder turns one record of a file into the events that it tells of; it is
 * pure, never throws, and remembers a bounded amount. What it says is said by the file: nothing of it was checked.
 */
import type { Event } from '../entry.ts';
import type { JsonObject } from '../json.ts';

export const IMPORT_FORMATS = [
  'agentsecrets',
  'secretspec',
  'agentpatterns',
  'agentlogsafe',
  'fullmakt',
  'claude-code',
] as const;
export type ImportFormat = (typeof IMPORT_FORMATS)[number];

/** One line of a file, or one row of a CSV file, which may have several lines. */
export interface SourceRecord {
  /** Of its first line, from 1. */
  readonly line: number;
  /** Of its bytes, without what ends the line. Hex. */
  readonly sha256: string;
  readonly value: JsonObject;
  /** The id of the entry that part `part` of this record becomes, which began at that time. */
  id(part: number, ts: string | undefined): string;
}

/** An entry to be. */
export interface Draft {
  readonly part: number;
  /** Without `id`, `quality` and `metadata`, which importedEvent (event.ts) makes. */
  readonly event: Event;
  /** When it happened, as the file says: RFC 3339 in UTC with milliseconds. */
  readonly ts: string | undefined;
  /** The record's own name for it. */
  readonly sourceId?: string | undefined;
  /** Members of the record that no member of an entry holds. */
  readonly fields?: JsonObject;
  /** Members of the entry's `metadata`, beside `imported`. */
  readonly metadata?: JsonObject;
  /** Members that were left out because they are too long. */
  readonly cut?: readonly string[];
}

export type Decoded =
  | { readonly drafts: readonly Draft[] }
  /** A record that tells of nothing that is recorded; its kind, for the count. */
  | { readonly passed: string }
  | { readonly refused: string };

export interface Decoder {
  decode(record: SourceRecord): Decoded;
  /** What is known of the file as a whole, once all of it was read. */
  verdict?(): ChainVerdict;
  /** Ends that name a beginning which is not remembered: they stand alone. */
  unpaired(): number;
}

/**
 * What recomputing a file's own chain showed. `intact` says that the rows agree with one another and nothing more: who
 * wrote the file could have written all of it.
 */
export interface ChainVerdict {
  readonly status: 'intact' | 'broken' | 'unverified';
  /** How the hashes are made, when that is known. */
  readonly formula?: string;
  readonly rows: number;
  /** Rows whose hash, or whose link to the row before, is wrong. The first few lines; the count has no limit. */
  readonly broken: readonly number[];
  readonly broken_count: number;
  readonly note: string;
}
