/**
 * Entries that wait for one write. A batch belongs to one segment; its bytes are the segment's next bytes exactly.
 *
 * Lines start at byte 1, so that there is a byte before each of them: the leaf hash H(0x00 || entry) is taken in place,
 * with that byte as its 0x00.
 */
import { invariant } from '../core/error.ts';
import type { Redacted } from '../core/redact/redact.ts';
import { leafHashInPlace } from '../core/tlog/tree.ts';

/** A single entry fits; many grow it. Small enough to come from Node's pool: an allocation a batch would show. */
const INITIAL_BYTES = 2 * 1024;
const INITIAL_LEAVES = 4;
const HASH_BYTES = 32;

export interface Batch {
  readonly segment: number;
  readonly firstIndex: number;
  readonly count: () => number;
  /** Bytes to append: `count` lines, each ended by "\n". */
  readonly bytes: () => Uint8Array;
  /** Leaf hashes, 32 bytes each. */
  readonly leaves: () => Uint8Array;
  /** Settles when the batch is durable, or is lost with the writer. */
  readonly done: Promise<void>;
  readonly settle: (error?: Error) => void;
  /**
   * Writes one entry and returns its leaf hash in base64, or undefined when it is longer than `most` bytes (nothing is
   * added then).
   */
  readonly add: (entry: Redacted<Uint8Array>, most: number) => string | undefined;
  /** A payload that an entry of this batch cites: the next bytes of the segment's pack. `offset`: where it goes. */
  readonly addBlob: (blob: Uint8Array, offset: number) => void;
  /** What the pack has to hold before the entries may be written; undefined when none of them cites anything. */
  readonly pack: () => { readonly offset: number; readonly bytes: Uint8Array } | undefined;
  /** Bytes to write in all. */
  readonly size: () => number;
}

export function createBatch(segment: number, firstIndex: number): Batch {
  let buffer = Buffer.allocUnsafe(INITIAL_BYTES);
  let leaves = Buffer.allocUnsafe(INITIAL_LEAVES * HASH_BYTES);
  let end = 1;
  let count = 0;
  let blobs: Uint8Array[] | undefined;
  let blobOffset = 0;
  let blobBytes = 0;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  // Every waiter handles the rejection itself; a batch without waiters must not end the process.
  promise.catch(() => undefined);

  return {
    segment,
    firstIndex,
    count: () => count,
    bytes: () => buffer.subarray(1, end),
    leaves: () => leaves.subarray(0, count * HASH_BYTES),
    done: promise,
    addBlob(blob, offset) {
      if (blobs === undefined) {
        blobs = [];
        blobOffset = offset;
      }
      invariant(offset === blobOffset + blobBytes, 'the payloads of a batch follow each other');
      blobs.push(blob);
      blobBytes += blob.length;
    },
    pack: () => (blobs === undefined ? undefined : { offset: blobOffset, bytes: Buffer.concat(blobs) }),
    size: () => end - 1 + blobBytes,
    settle: (error) => (error === undefined ? resolve() : reject(error)),
    add(entry, most) {
      if (entry.length > most) return undefined;
      const needed = end + entry.length + 1;
      if (needed > buffer.length) {
        const larger = Buffer.allocUnsafe(Math.max(needed, buffer.length * 4));
        buffer.copy(larger, 0, 0, end);
        buffer = larger;
      }
      buffer.set(entry, end);
      if ((count + 1) * HASH_BYTES > leaves.length) leaves = Buffer.concat([leaves], leaves.length * 4);
      const hash = leafHashInPlace(buffer, end, end + entry.length, leaves, count * HASH_BYTES);
      end += entry.length;
      buffer[end++] = 0x0a;
      count++;
      return hash;
    },
  };
}
