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
  /** Like `put` for each, directories synced once. Not atomic together: any subset may survive a crash. */
  putMany(
    objects: readonly (readonly [name: string, bytes: Uint8Array])[],
    options?: { readonly durable?: boolean },
  ): Promise<void>;
  /** Harmless when it is gone. Resolved: the name is durably gone. */
  remove(name: string): Promise<void>;
  /** Names that start with `prefix`, sorted. */
  list(prefix: string): Promise<readonly string[]>;
}

/** One file of entries, one JCS entry a line, each ended by "\n". */
export interface Segment {
  /** Index of its first entry. */
  readonly first: number;
  /** Bytes of its lines; of a sealed one, those that it decompresses to. Offsets are counted in them. Of a damaged one, of its file. */
  readonly bytes: number;
  /** Compressed and final: nothing is appended to it, or cut from it, ever again. */
  readonly sealed: boolean;
}

/** What is wrong with a sealed segment's file. */
export interface SegmentDamage {
  /** First index of the segment. */
  readonly segment: number;
  readonly why: string;
  /** Entries `from` to `to - 1` cannot be read. Absent: all of them can. Without `to`: nobody can tell how many. */
  readonly lost?: { readonly from: number; readonly to?: number };
}

/** Readers need no lock and see every acknowledged entry; they may also see a line still being written. */
export interface LogReader {
  /** Ordered by `first`. */
  segments(): Promise<readonly Segment[]>;
  /**
   * Raw blocks of one segment in order, from byte `offset`. A yielded block is the caller's to overwrite. With `onDamage`
   * the damaged parts of a sealed segment are told and passed over, whole frames of 256 lines at a time, and where not
   * even their sizes are known, `offset` counts what is left; without it they are `LOG_DAMAGED`.
   */
  read(first: number, offset?: number, onDamage?: (damage: SegmentDamage) => void): AsyncIterable<Uint8Array>;
  /** A line start at or before the line of entry `index` in segment `first`, as near as is known without reading. */
  seek(first: number, index: number): Promise<{ readonly index: number; readonly offset: number }>;
  readonly objects: Pick<ObjectStore, 'get' | 'list'>;
}

/** Where the line of entry `index` starts: `offset` bytes into the lines of segment `first`. */
export interface SlicePlace {
  readonly index: number;
  readonly first: number;
  readonly offset: number;
}

/** A few entries by their place. */
export type Slice =
  | {
      readonly kind: 'lines';
      readonly from: number;
      readonly bytes: Buffer;
      /** Start and end (without the newline) of each line: `[start0, end0, start1, end1, …]`; at least one. */
      readonly bounds: readonly number[];
      readonly next: SlicePlace;
    }
  /** Entries `from` to `to - 1` cannot be read; `to` is beyond `from`. */
  | { readonly kind: 'lost'; readonly from: number; readonly to: number; readonly why: string };

/** A log read a little at a time, from anywhere, by many readers at once. Takes no lock. */
export interface LineSlices {
  /** undefined when no file of the log holds it. */
  find(index: number): Promise<SlicePlace | undefined>;
  /**
   * Entries from `place` on: below `end`, which must be durable, and some `most` bytes of them. With an index alone its
   * place is looked for, which costs up to a segment.
   */
  read(place: SlicePlace | { readonly index: number }, end: number, most: number): Promise<Slice>;
  /** An index before every entry written at `time` or later, as near as segments tell (while clocks went forward). */
  since(time: string): Promise<number>;
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
  /**
   * Removes every segment that begins before entry `to`, the first of another one, in whichever form it lies there, and
   * what was set aside from it. Lowest first, each durably gone before the next is touched: so whatever ends it early
   * leaves a log without a hole, and done again it ends the same. Not beside `seal`; may run beside `append`.
   */
  removeBefore(to: number): Promise<void>;
  readonly lastly?: LastMoment;
  close(): Promise<void>;
}

/**
 * The same steps at once, for the last moment of a process, when no promise settles any more. Only where `append` has
 * given its bytes to the kernel when it returns its promise: what was begun is then known. Nothing else is asked of the
 * store after it.
 */
export interface LastMoment {
  openSegment(first: number): void;
  append(bytes: Uint8Array): void;
}

/** Packs hold encrypted payloads, one pack for each segment that has some. Readers take no lock. */
export interface PackReader {
  /** Ordered by `first`, the first index of the segment; empty when there are none. */
  packs(): Promise<readonly { readonly first: number; readonly bytes: number }[]>;
  /** `length` bytes from `offset` on, or as many as there are; undefined when there is no such pack. */
  readPack(first: number, offset: number, length: number): Promise<Uint8Array | undefined>;
}

/** The one writer of the packs of one log. Every method is called by one owner, one call at a time. */
export interface PackStore extends PackReader {
  /**
   * One write at exactly `offset`, wherever the file ends, and one fdatasync. Resolved: the bytes and the pack's name are
   * durable. Rejected: as with `LogStore.append`, nothing may be assumed.
   */
  writePack(first: number, offset: number, bytes: Uint8Array): Promise<void>;
  /** The same at once, in the last moment of a process; also of bytes whose writing was begun. */
  readonly writeLastly?: (first: number, offset: number, bytes: Uint8Array) => void;
  /** Removes the packs of all segments that begin before entry `to`. Resolved: durably gone. May run beside `writePack`. */
  removeBefore(to: number): Promise<void>;
  close(): Promise<void>;
}

/** Wrapped data keys by their id, outside of the log. */
export interface DataKeyReader {
  get(keyId: string): Promise<Uint8Array | undefined>;
}

export interface DataKeyStore extends DataKeyReader {
  /** Resolved: durable. */
  put(keyId: string, bytes: Uint8Array): Promise<void>;
  /** Destroys the key; harmless when it is gone. Resolved: its name is durably gone. Media may keep old bytes. */
  erase(keyId: string): Promise<void>;
  list(): Promise<readonly string[]>;
}
