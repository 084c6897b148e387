/**
 * A published log (C2SP tlog-tiles) as a source for the verifier, over anything that can get a file: a directory, a web
 * server. A bundle that is gone or does not decode is a hole: what can still be read of it is handed on, and everything
 * after it is checked.
 */
import { decodeUtf8, encodeUtf8 } from '../bytes.ts';
import { isTallyError } from '../error.ts';
import { LIMITS } from '../limits.ts';
import { carriedName } from '../retention/carried.ts';
import { parseCheckpoint } from './checkpoint.ts';
import { scanFields } from './fields.ts';
import { parseNote } from './note.ts';
import { readRotations } from './rotation-notes.ts';
import { type BundleId, bundlePath, decodeBundle, parseTilePath, TILE_WIDTH, tilePath } from './tile.ts';
import type { LogSource } from './verify.ts';

/** The bytes at a path below the log's prefix; `undefined` when there is nothing. Other failures reject. */
export type GetFile = (path: string) => Promise<Uint8Array | undefined>;

export interface PublishedOptions {
  readonly get: GetFile;
  /**
   * Paths below a prefix, where they can be listed. Without it the reading ends at `LIMITS.absentBundles` in a row that
   * are missing: a checkpoint that nobody has checked may claim any size.
   */
  readonly list?: (prefix: string) => Promise<readonly string[]>;
}

export interface PublishedLog extends LogSource {
  /** What the checkpoint claims. */
  readonly size: number;
}

const NEWLINE = 0x0a;

/** `undefined` when there is no checkpoint. Throws `CHECKPOINT_MALFORMED`, `NOTE_MALFORMED`. */
export async function publishedLog({ get, list }: PublishedOptions): Promise<PublishedLog | undefined> {
  const note = await get('checkpoint');
  if (note === undefined) return undefined;
  const { origin, size } = parseCheckpoint(parseNote(note).text);
  const found = list === undefined ? undefined : listed(await list('tile/entries/'), size);
  const first = found === undefined ? await claimedFirst(get, size) : (found[0]?.index ?? 0) * TILE_WIDTH;
  return {
    origin,
    size,
    ...(first === 0 ? {} : { first }),
    carried: (sha256) => get(carriedName(sha256)),
    // A published log names no key of its own.
    vkeys: [],
    rotations: () => readRotations({ get, list: list ?? listNotes(get) }),
    checkpoint: () => Promise.resolve(note),
    async *blocks() {
      let absent = 0;
      for (const bundle of found ?? bundlesFrom(first, size)) {
        const bytes = await getBundle(get, bundle);
        absent = bytes === undefined ? absent + 1 : 0;
        if (absent > LIMITS.absentBundles) return;
        if (bytes !== undefined) yield linesOf(bytes, bundle);
      }
    },
    tile: (level, index) => get(tilePath({ level, index, width: TILE_WIDTH })),
  };
}

/** The file that names the rotation notes for readers who cannot list: their sizes, one a line. Nobody has to trust it. */
export const NOTE_SIZES = 'keys/sizes';

export function encodeNoteSizes(sizes: readonly number[]): Uint8Array {
  return encodeUtf8(sizes.map((size) => `${size}\n`).join(''));
}

/** Where the bundles begin in a publication of a pruned log, for readers who cannot list. Nobody has to trust it. */
export const FIRST_ENTRY = 'pruned/first';

async function claimedFirst(get: GetFile, size: number): Promise<number> {
  const text = decodeUtf8((await get(FIRST_ENTRY)) ?? new Uint8Array(0)) ?? '';
  const first = Number(/^([1-9]\d{0,15})\n$/.exec(text)?.[1] ?? 0);
  return first % TILE_WIDTH === 0 && first < size ? first : 0;
}

function* bundlesFrom(first: number, size: number): Generator<BundleId> {
  for (let index = first / TILE_WIDTH; index * TILE_WIDTH < size; index++)
    yield { index, width: Math.min(TILE_WIDTH, size - index * TILE_WIDTH) };
}

/** A size that is left out only takes away a reason to believe a newer key. */
function listNotes(get: GetFile): (prefix: string) => Promise<readonly string[]> {
  return async () => {
    const bytes = await get(NOTE_SIZES);
    const text = bytes === undefined ? undefined : decodeUtf8(bytes.subarray(0, LIMITS.noteBytes));
    return (text ?? '').split('\n', LIMITS.keyRotations + 2).map((size) => `keys/${size}.note`);
  };
}

/** Those that a log of this size can have, in order; one that is there as a partial and a full bundle once. */
function listed(paths: readonly string[], size: number): BundleId[] {
  const indexes = new Set<number>();
  for (const path of paths) {
    const parsed = parseTilePath(path);
    if (parsed?.kind === 'entries' && parsed.index * TILE_WIDTH < size) indexes.add(parsed.index);
  }
  return [...indexes]
    .sort((a, b) => a - b)
    .map((index) => ({ index, width: Math.min(TILE_WIDTH, size - index * TILE_WIDTH) }));
}

/** A log may take a partial bundle away once the full one is there; the full one begins with the same entries. */
async function getBundle(get: GetFile, bundle: BundleId): Promise<Uint8Array | undefined> {
  const found = await get(bundlePath(bundle));
  return found === undefined && bundle.width < TILE_WIDTH
    ? get(bundlePath({ index: bundle.index, width: TILE_WIDTH }))
    : found;
}

/** The entries, one a line. What cannot be told apart any more is left out: the verifier says which are missing. */
function linesOf(bytes: Uint8Array, bundle: BundleId): Uint8Array {
  const entries = decode(bytes, bundle).slice(0, bundle.width);
  const lines = new Uint8Array(entries.reduce((sum, { length }) => sum + length + 1, 0));
  let at = 0;
  for (const entry of entries) {
    lines.set(entry, at);
    lines[at + entry.length] = NEWLINE;
    at += entry.length + 1;
  }
  return lines;
}

function decode(bytes: Uint8Array, { index, width }: BundleId): readonly Uint8Array[] {
  for (const entries of new Set([width, TILE_WIDTH])) {
    try {
      return decodeBundle(bytes, entries);
    } catch (error) {
      if (!isTallyError(error)) throw error;
    }
  }
  return salvage(bytes, index * TILE_WIDTH);
}

/** Entries from the front of a damaged bundle for as long as each is whole and carries the index of its place. */
function salvage(bytes: Uint8Array, first: number): Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const entries: Uint8Array[] = [];
  for (let at = 0; at + 2 <= bytes.length && entries.length < TILE_WIDTH; ) {
    const end = at + 2 + view.getUint16(at);
    const carries = end > bytes.length ? undefined : scanFields(bytes, at + 2, end)?.index;
    if (carries !== first + entries.length) break;
    entries.push(bytes.subarray(at + 2, end));
    at = end;
  }
  return entries;
}
