/**
 * The entries of one stretch of a log, as long as each line is the entry that belongs in its place: bytes, index, chain,
 * leaf hashes and tiles. What begins at a multiple of 256 can be verified without what comes before it, so stretches are
 * verified beside each other and put together afterwards (verify-stitch.ts).
 *
 * At the first thing that is out of the ordinary the pass gives up without an opinion: saying what is wrong, and where,
 * is left to the pass that reads everything in order (verify-entries.ts). So nothing that it says can accuse, and all of
 * it has been checked.
 */
import { concatBytes, encodeBase64, equalBytes } from '../bytes.ts';
import { invariant } from '../error.ts';
import { HASH_BYTES } from '../hash.ts';
import { LIMITS } from '../limits.ts';
import { createKernel, KERNEL_SLACK, type Kernel } from '../wasm/kernel.ts';
import { LEAF_SCRATCH_END } from '../wasm/leaf-lanes.ts';
import {
  ROW_BYTES,
  ROW_END,
  ROW_INDEX,
  ROW_PREV,
  ROW_TYPE,
  TYPE_PAYLOAD,
  TYPE_UNTOLD,
  typeWord,
} from '../wasm/lines.ts';
import { decimalAt, PREV_CHARS, scanFields } from './fields.ts';
import { fasterOf, type HashLines, leafBackends } from './leaf-hashing.ts';
import { TILE_BYTES, TILE_WIDTH } from './tile.ts';
import { rootOfHashes } from './tree.ts';

/** Lines looked at with one call. */
const ROWS = 1_024;
const ROW_WORDS = ROW_BYTES / 4;
/** A row in front of the table says where the line before it ended. */
const TABLE = LEAF_SCRATCH_END + ROW_BYTES;
const TABLE_END = TABLE + ROWS * ROW_BYTES;
/** The leaf hash before the first line of a table, then those of its lines. */
const HASHES = TABLE_END;
/** One byte stands in front of the first line, for the prefix of its leaf hash. */
const START = HASHES + (ROWS + 1) * HASH_BYTES + 64;
/** Room for the longest line and for what is read at once, small enough for a CPU's cache. */
const SPACE_BYTES = 6 * 65_536;

/** Lines that somebody else wants to see, in the order of the log. The bytes are valid during the call. */
export interface LineWatch {
  /** Every line. */
  readonly every?: boolean;
  /** Lines in which `"type":"` and one of these stand; at least four letters each. */
  readonly types: readonly string[];
  /** Lines in which `"payload":{` stands. */
  readonly payloads: boolean;
  /** Other lines may be shown too. */
  see(line: Uint8Array): void;
}

export interface StretchOptions {
  /** A multiple of 256. */
  readonly first: number;
  /** The hash tile of level 0 with that index, as it is stored. */
  readonly tile: (index: number) => Uint8Array | undefined;
  /** Sizes of the log at which its root is wanted. */
  readonly rootsAt: readonly number[];
  /** Places of lines whose bytes are wanted. */
  readonly keep: readonly number[];
  readonly watch?: LineWatch | undefined;
}

/** What was checked of `lines` lines, all of them the entries from `first` on. */
export interface Stretch {
  readonly first: number;
  readonly lines: number;
  readonly bytes: number;
  /** Bytes after the last newline. */
  readonly tornBytes: number;
  /** What the first line says of the leaf before it, which nobody has checked. Empty without lines. */
  readonly prev: string;
  /** Leaf hash of the last line, as base64. */
  readonly leaf: string;
  /** Roots of the full groups of 256, packed. */
  readonly groups: Uint8Array;
  /** For each wanted size inside a group: leaf hashes of the group up to that size, packed. */
  readonly cuts: ReadonlyMap<number, Uint8Array>;
  readonly kept: ReadonlyMap<number, Uint8Array>;
  /** Indexes of full tiles of level 0 that are not stored. */
  readonly absent: readonly number[];
}

export interface StretchPass {
  /** Where the next bytes go; never empty. */
  room(): Uint8Array;
  /** So many bytes were put there. False: out of the ordinary, and there is nothing more to do. */
  take(bytes: number): boolean;
  /** The same for bytes that lie elsewhere. */
  push(block: Uint8Array): boolean;
  /** `undefined` when anything was out of the ordinary. */
  finish(): Stretch | undefined;
}

export type StretchVerifier = (options: StretchOptions) => StretchPass;

/** One pass at a time: they share their memory. `undefined` where there is no WebAssembly. `now`: see `fasterOf`. */
export function createStretchVerifier(now?: () => number): StretchVerifier | undefined {
  const kernel = createKernel(SPACE_BYTES);
  if (kernel === undefined) return undefined;
  const hashLines = fasterOf(leafBackends(kernel, { table: TABLE, hashes: HASHES + HASH_BYTES }), now);
  return (options) => createPass(kernel, hashLines, options);
}

function createPass(
  kernel: Kernel,
  hashLines: HashLines,
  { first, tile, rootsAt, keep, watch }: StretchOptions,
): StretchPass {
  invariant(first % TILE_WIDTH === 0, 'a stretch begins with a tile');
  const space = kernel.bytes;
  const rows = new Int32Array(space.buffer, TABLE, ROWS * ROW_WORDS);
  const room = space.length - KERNEL_SLACK;
  const toKeep = new Set(keep);
  const watched = watchedRows(watch);

  const group = new Uint8Array(TILE_BYTES);
  let inGroup = 0;
  const groups: Uint8Array[] = [];
  const cuts = new Map<number, Uint8Array>();
  const kept = new Map<number, Uint8Array>();
  const absent: number[] = [];

  let lines = 0;
  let bytes = 0;
  let prev = '';
  let straight = true;
  /** space[START, filled) is an unfinished line. */
  let filled = START;
  // What the first entry of a log names as the leaf before it; of another stretch it is not compared.
  space.fill(0, HASHES, HASHES + HASH_BYTES);

  function cutGroup(): void {
    const start = first + lines - inGroup;
    for (const size of rootsAt)
      if (size > start && size < start + TILE_WIDTH && size <= first + lines)
        cuts.set(size, group.slice(0, (size - start) * HASH_BYTES));
  }

  function closeGroup(): boolean {
    cutGroup();
    const index = (first + lines) / TILE_WIDTH - 1;
    const stored = tile(index);
    if (stored === undefined) absent.push(index);
    else if (stored.length !== TILE_BYTES || !equalBytes(stored, group)) return false;
    groups.push(rootOfHashes(group));
    inGroup = 0;
    return true;
  }

  /** Hands the leaf hashes of the table on, a group at a time. */
  function fillGroups(count: number): boolean {
    for (let done = 0; done < count; ) {
      const some = Math.min(TILE_WIDTH - inGroup, count - done);
      const at = HASHES + (done + 1) * HASH_BYTES;
      group.set(space.subarray(at, at + some * HASH_BYTES), inGroup * HASH_BYTES);
      inGroup += some;
      lines += some;
      done += some;
      if (inGroup === TILE_WIDTH && !closeGroup()) return false;
    }
    return true;
  }

  /** Whether the line of a row is the entry `index`. Where the kernel was not sure, its fields are looked for again. */
  function isEntry(row: number, start: number, end: number, index: number): boolean {
    if (end - start > LIMITS.entryBytes) return false;
    if (rows[row + ROW_PREV] !== 0 && decimalAt(space, rows[row + ROW_INDEX] ?? 0) === index) return true;
    const fields = scanFields(space, start, end);
    if (fields === undefined || fields.index !== index) return false;
    rows[row + ROW_PREV] = fields.prevStart;
    return true;
  }

  /** Whether the lines of the table, the first of which starts at `from`, are the entries that come next. */
  function takeTable(from: number, count: number): boolean {
    let start = from;
    for (let i = 0; i < count; i++) {
      const row = i * ROW_WORDS;
      const end = rows[row + ROW_END] ?? 0;
      const index = first + lines + i;
      if (!isEntry(row, start, end, index)) return false;
      if (watched?.(rows[row + ROW_TYPE] ?? 0) === true) watch?.see(space.subarray(start, end));
      if (toKeep.size > 0 && toKeep.has(index)) kept.set(index, space.slice(start, end));
      // The prefix of a leaf (RFC 6962 section 2.1), in place of the newline before it.
      space[start - 1] = 0;
      start = end + 1;
    }
    hashLines(from - 1, count);
    // The first line of a stretch names a leaf that somebody else has.
    const skip = lines === 0 && first > 0 ? 1 : 0;
    const end = TABLE + count * ROW_BYTES;
    if (kernel.chain(TABLE + skip * ROW_BYTES, end, HASHES + skip * HASH_BYTES) !== end) return false;
    if (lines === 0) {
      const at = rows[ROW_PREV] ?? 0;
      prev = String.fromCharCode(...space.subarray(at, at + PREV_CHARS));
    }
    if (!fillGroups(count)) return false;
    const last = HASHES + count * HASH_BYTES;
    space.copyWithin(HASHES, last, last + HASH_BYTES);
    return true;
  }

  function drain(): boolean {
    let from = START;
    for (let count = ROWS; count === ROWS; ) {
      count = (kernel.lines(from, filled, TABLE, TABLE_END) - TABLE) / ROW_BYTES;
      if (count === 0) break;
      // Hashing overwrites newlines of lines that are done with, and nothing else.
      const next = (rows[(count - 1) * ROW_WORDS + ROW_END] ?? 0) + 1;
      if (!takeTable(from, count)) return false;
      from = next;
    }
    if (filled - from > LIMITS.entryBytes) return false;
    space.copyWithin(START, from, filled);
    filled = START + (filled - from);
    return true;
  }

  return {
    room: () => space.subarray(filled, room),
    take(added) {
      bytes += added;
      filled += added;
      straight &&= drain();
      return straight;
    },
    push(block) {
      for (let at = 0; straight && at < block.length; ) {
        const piece = block.subarray(at, at + room - filled);
        space.set(piece, filled);
        at += piece.length;
        this.take(piece.length);
      }
      return straight;
    },
    finish() {
      if (!straight) return undefined;
      cutGroup();
      const leaf = lines === 0 ? '' : encodeBase64(space.subarray(HASHES, HASHES + HASH_BYTES));
      const tornBytes = filled - START;
      return {
        first,
        lines,
        bytes,
        tornBytes,
        prev,
        leaf,
        groups: concatBytes(...groups),
        cuts,
        kept,
        absent,
      };
    },
  };
}

/** Whether a line of that type is to be shown. */
function watchedRows(watch: LineWatch | undefined): ((type: number) => boolean) | undefined {
  if (watch === undefined) return undefined;
  if (watch.every === true) return () => true;
  const words = new Set([TYPE_UNTOLD, ...watch.types.map((type) => typeWord(type.slice(0, 4)))]);
  if (watch.payloads) words.add(TYPE_PAYLOAD);
  // What was not wanted the last time need not be looked up again: most lines are of few types.
  let unwanted = TYPE_UNTOLD;
  return (type) => {
    if (type === unwanted && type !== TYPE_UNTOLD) return false;
    if (words.has(type)) return true;
    unwanted = type;
    return false;
  };
}
