/**
 * What the pure parts and the recorder need from the world. Drivers implement these; tests hand in a memory store, a
 * fixed clock, a fault-injecting wrapper.
 */

/** Milliseconds since the Unix epoch, UTC. May go backwards; the recorder flags it. */
export type Clock = () => number;

/** `size` bytes from a cryptographic source. */
export type Random = (size: number) => Uint8Array;

/**
 * Small named objects. Names are relative, `/`-separated, without `.` or `..` segments.
 * `put` replaces atomically: a reader sees the old bytes or the new ones. When it resolves the bytes and the name are
 * durable (file fsynced, renamed, directory fsynced), unless `durable: false` was asked for.
 */
export interface ObjectStore {
  get(name: string): Promise<Uint8Array | undefined>;
  put(name: string, bytes: Uint8Array, options?: { readonly durable?: boolean }): Promise<void>;
  /** Like `put` for each, all durable, directories synced once. Not atomic together: any subset may survive a crash. */
  putMany(objects: readonly (readonly [name: string, bytes: Uint8Array])[]): Promise<void>;
  /** Names that start with `prefix`, sorted. */
  list(prefix: string): Promise<readonly string[]>;
}

/** One file of entries, one JCS entry a line, each ended by "\n". */
export interface Segment {
  /** Index of its first entry. */
  readonly first: number;
  /** Bytes of its lines; of a sealed one, those that it decompresses to. Offsets are counted in them. */
  readonly bytes: number;
  /** Compressed and final: nothing is appended to it, or cut from it, ever again. */
  readonly sealed: boolean;
}

/** Lines of a sealed segment that cannot be read: damaged, or not there. */
export interface Hole {
  /** First index of the segment. */
  readonly segment: number;
  /** Entries `from` to `to - 1` are lost; without `to`, nobody can tell how many. */
  readonly from: number;
  readonly to?: number;
  readonly why: string;
}

/** Readers need no lock and see every acknowledged entry; they may also see a line still being written. */
export interface LogReader {
  /** Ordered by `first`. */
  segments(): Promise<readonly Segment[]>;
  /**
   * Raw blocks of one segment in order, from byte `offset`. A yielded block is the caller's to overwrite. What is damaged
   * in a sealed segment is passed over and told to `onHole`, whole lines at a time; without `onHole` it is `LOG_DAMAGED`.
   */
  read(first: number, offset?: number, onHole?: (hole: Hole) => void): AsyncIterable<Uint8Array>;
  readonly objects: Pick<ObjectStore, 'get' | 'list'>;
}

/** The one writer of one log. Every method is called by one owner, one call at a time (`seal` aside). */
export interface LogStore extends LogReader {
  readonly objects: ObjectStore;
  /** Makes the segment that starts at `first` the target of `append`, creating it (and its directory entry) durably. */
  openSegment(first: number): Promise<void>;
  /**
   * One write and one fdatasync at the end of the open segment. Resolved: all of `bytes` is durable. Rejected: nothing
   * may be assumed, and the writer must not try again (a retried fsync can report success for lost pages).
   */
  append(bytes: Uint8Array): Promise<void>;
  /**
   * Moves everything from byte `offset` of segment `first` on into `entries/<first>.torn-<k>` (durable before the
   * segment is cut). Nothing is deleted; at offset 0 the segment itself is gone afterwards. `LOG_DAMAGED` for a sealed
   * one: it is final.
   */
  setAside(
    first: number,
    offset: number,
  ): Promise<{ readonly name: string; readonly bytes: number; readonly sha256: string }>;
  /**
   * Compresses segment `first`, which is full and under a durable checkpoint, and replaces it. Resolved: the sealed form
   * was read back, holds the same bytes and is durable, and only then was the plain one removed. A crash at any point
   * leaves one of them whole; done again, it ends the same. Readers see the same lines throughout. `signal` ends it
   * early: it then rejects with the signal's reason, and the plain form is as it was. May run beside `append`.
   */
  seal(first: number, signal?: AbortSignal): Promise<void>;
  close(): Promise<void>;
}
