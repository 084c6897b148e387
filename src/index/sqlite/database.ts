/**
 * The file of the index. SQLite with a write-ahead log: readers keep their view while a writer commits, and a crash
 * leaves the last committed batch. What a power loss takes is made again from the log, so commits are not synced.
 */
import { chmodSync, closeSync, openSync, rmSync } from 'node:fs';
import { DatabaseSync, type SQLOutputValue } from 'node:sqlite';
import { crc32 } from 'node:zlib';
import { errorCode, IndexDamage } from './damage.ts';

/** Another one is not read: it is made again. */
export const FORMAT = 3;

/** Only the user who runs tally may read what the log says. */
const FILE_MODE = 0o600;
/** A batch of another process is over by then, or its process hangs. */
const BUSY_MS = 10_000;
/** Of whoever asks: the system keeps the file's pages, too. */
const CACHE_KIB = 16 * 1024;
/** What a batch changes is looked at again and again while it is written. */
const WRITER_CACHE_KIB = 64 * 1024;
const PAGE_BYTES = 8_192;

const TABLES = `
CREATE TABLE meta(id INTEGER PRIMARY KEY, state TEXT NOT NULL);
-- Sets of rows by slot (block and dimension) and value. data: the set, or the place of its only row.
CREATE TABLE post(slot INTEGER, value TEXT, data NUMERIC NOT NULL, PRIMARY KEY(slot, value)) WITHOUT ROWID;
-- How the rows of a set came out, where summaries count by it: apart from the sets, so that a summary reads few pages.
CREATE TABLE tally(slot INTEGER, value TEXT, counts BLOB NOT NULL, PRIMARY KEY(slot, value)) WITHOUT ROWID;
-- Rows by values that hardly any other row has: sorted lists, 128 for a block.
CREATE TABLE rare(slot INTEGER PRIMARY KEY, data BLOB NOT NULL);
-- 128 entries each.
CREATE TABLE piece(no INTEGER PRIMARY KEY, data BLOB NOT NULL);
-- 4,096 entries each.
CREATE TABLE times(part INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE span(part INTEGER PRIMARY KEY, low INTEGER, high INTEGER, rest INTEGER NOT NULL);
CREATE TABLE ids(key INTEGER, entry INTEGER, PRIMARY KEY(key, entry)) WITHOUT ROWID;
CREATE TABLE parents(key INTEGER, entry INTEGER, PRIMARY KEY(key, entry)) WITHOUT ROWID;
CREATE TABLE ends(first INTEGER PRIMARY KEY, last INTEGER NOT NULL);
`;

/** What the index reflects; it advances with each batch, in the same transaction. */
export interface State {
  readonly format: number;
  /** Of the log: an index of another one is made again. */
  readonly origin: string;
  /** The oldest entry that the log had. */
  readonly from: number;
  /** Entries `from` to `size` - 1. */
  readonly size: number;
  /** Behind the last line. */
  readonly segment: number;
  readonly offset: number;
  /** The last line: its place, and its SHA-256. Entries cite the one before, so it stands for all of them. */
  readonly last: { readonly segment: number; readonly offset: number; readonly sha256: string };
  readonly malformed: { readonly count: number; readonly first: readonly number[] };
  /** Secret of `ids.ts`. */
  readonly seed: number;
}

export type Value = SQLOutputValue;

/** Undefined when there is none. Throws IndexDamage for a file that is no index. */
export function openDatabase(path: string, readOnly = false): DatabaseSync {
  if (!readOnly) makePrivate(path);
  return guarded(() => {
    const database = new DatabaseSync(path, { timeout: BUSY_MS, readOnly });
    try {
      if (!readOnly) {
        database.exec(
          `PRAGMA page_size = ${PAGE_BYTES}; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;`,
        );
        if (database.prepare('SELECT count(*) AS n FROM sqlite_schema').get()?.n === 0) {
          database.exec(`BEGIN IMMEDIATE; ${TABLES} COMMIT`);
        }
      }
      database.exec(`PRAGMA cache_size = -${CACHE_KIB}; PRAGMA temp_store = MEMORY;`);
      return database;
    } catch (error) {
      database.close();
      throw error;
    }
  });
}

/** For whoever writes batches. */
export function enlargeCache(database: DatabaseSync): void {
  database.exec(`PRAGMA cache_size = -${WRITER_CACHE_KIB}`);
}

/** SQLite would make it readable for everybody, and the files beside it get the mode of this one. */
function makePrivate(path: string): void {
  try {
    closeSync(openSync(path, 'wx', FILE_MODE));
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
    chmodSync(path, FILE_MODE);
  }
}

export function removeDatabase(path: string): void {
  for (const suffix of ['', '-wal', '-shm']) rmSync(`${path}${suffix}`, { force: true });
}

export function readState(database: DatabaseSync): State | undefined {
  return guarded(() => {
    const text = database.prepare('SELECT state FROM meta WHERE id = 1').get()?.state;
    if (typeof text !== 'string') return undefined;
    const state = JSON.parse(text) as Partial<State>;
    return state.format === FORMAT ? (state as State) : undefined;
  });
}

export function writeState(database: DatabaseSync, state: State): void {
  database.prepare('INSERT OR REPLACE INTO meta VALUES (1, ?)').run(JSON.stringify(state));
}

const DAMAGED: ReadonlySet<number> = new Set([1, 11, 26]);
/** SQLITE_IOERR_SHORT_READ: the file ends before a page that it names. Other trouble of the disk is no damage. */
const SHORT_READ = 522;

/** Tells damage of the file from every other failure: an index that is damaged is made again. */
export function guarded<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw asDamage(error) ?? error;
  }
}

/** All of `work`, or nothing of it. */
export function inTransaction(database: DatabaseSync, work: () => void): void {
  database.exec('BEGIN IMMEDIATE');
  try {
    work();
    database.exec('COMMIT');
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

/** Undefined for what is no damage. */
export function asDamage(error: unknown): IndexDamage | undefined {
  if (error instanceof IndexDamage) return error;
  const code = error instanceof Error && 'errcode' in error ? Number(error.errcode) : 0;
  const isDamage = error instanceof Error && (DAMAGED.has(code & 0xff) || code === SHORT_READ);
  return isDamage ? new IndexDamage(error.message, error) : undefined;
}

/** Longer ones lie on pages of their own, which SQLite does not check: they end with a checksum of ours. */
const CHECKED_BYTES = 256;
const CHECKSUM_BYTES = 4;

export function sealBlob(bytes: Uint8Array): Uint8Array {
  if (bytes.length < CHECKED_BYTES) return bytes;
  const sealed = new Uint8Array(bytes.length + CHECKSUM_BYTES);
  sealed.set(bytes);
  new DataView(sealed.buffer).setUint32(bytes.length, crc32(bytes));
  return sealed;
}

export function openBlob(value: Value | undefined): Uint8Array | undefined {
  if (value === undefined || value === null) return undefined;
  if (!(value instanceof Uint8Array)) throw new IndexDamage('a value is of another kind');
  if (value.length < CHECKED_BYTES) return value;
  const bytes = value.subarray(0, value.length - CHECKSUM_BYTES);
  const { buffer, byteOffset } = value;
  if (new DataView(buffer, byteOffset).getUint32(bytes.length) !== crc32(bytes))
    throw new IndexDamage('a checksum does not match');
  return bytes;
}

/** A set of one row is stored as its place: most sets are such. */
export function sealSet(set: Uint8Array): Uint8Array | number {
  return set.length === 2 ? (set[0] ?? 0) + 256 * (set[1] ?? 0) : sealBlob(set);
}

export function openSet(value: Value | undefined): Uint8Array | undefined {
  return typeof value === 'number' ? Uint8Array.of(value & 0xff, value >>> 8) : openBlob(value);
}
