/**
 * Whether one entry is under the signed checkpoint of its log, found out for this very call: its bytes are read from the
 * segment, hashed, and led to the signed root by an inclusion proof from the tiles.
 */
import { encodeBase64, encodeHex } from '../core/bytes.ts';
import { isTallyError, TallyError } from '../core/error.ts';
import { HASH_BYTES } from '../core/hash.ts';
import type { LogReader } from '../core/ports.ts';
import { openCheckpoint } from '../core/tlog/checkpoint.ts';
import { checkEntry } from '../core/tlog/entry-proof.ts';
import { type Verifier, verifierFromVkey } from '../core/tlog/key.ts';
import { type HashReader, proveInclusion } from '../core/tlog/proof.ts';
import { TILE_WIDTH, tilePath } from '../core/tlog/tile.ts';
import { loadTreeState, type TileReader, tileHashReader } from '../core/tlog/tiling.ts';
import { leafHash } from '../core/tlog/tree.ts';
import type { OpenedReader } from '../reader.ts';
import { readLines } from './lines.ts';
import { pinnedVkey, type Whose } from './remembered.ts';

/** Whose word the key is: `pinned` was remembered outside the log or given; `self-declared` is the log's own. */
export interface TrustedKey {
  readonly verifier: Verifier;
  readonly ground: 'given' | 'pinned' | 'self-declared';
}

export type ProofState =
  | {
      readonly state: 'published';
      /** Always true: an entry whose proof does not hold is `unproved`. */
      readonly verified: true;
      readonly leaf_hash: string;
      readonly checkpoint: { readonly origin: string; readonly size: number; readonly root: string };
      readonly key: { readonly vkey: string; readonly ground: TrustedKey['ground'] };
      /** Base64, nearest to the leaf first. */
      readonly proof: readonly string[];
    }
  /** Durable, not yet under a signature. `chained`: its `prev` is the hash of the entry before it. */
  | {
      readonly state: 'sequenced';
      readonly leaf_hash: string;
      readonly signed: number;
      readonly chained: boolean;
    }
  | { readonly state: 'unproved'; readonly leaf_hash: string; readonly why: string };

/** The key to trust: the given one, else the one remembered beside the log, else what the log says of itself. */
export async function trustedKey(
  opened: OpenedReader,
  whose: Whose & { readonly given: string | undefined },
): Promise<TrustedKey> {
  if (whose.given !== undefined) return { verifier: verifierFromVkey(whose.given), ground: 'given' };
  const info = await opened.logInfo();
  const pinned = await pinnedVkey(opened, whose, info.origin);
  if (pinned !== undefined) return { verifier: verifierFromVkey(pinned), ground: 'pinned' };
  return { verifier: verifierFromVkey(info.keys[0]?.vkey ?? ''), ground: 'self-declared' };
}

/** `line`: the stored bytes at place `index` of the log; `previous`: those before it. */
export async function proveEntry(
  opened: OpenedReader,
  entry: { readonly index: number; readonly line: Uint8Array; readonly prev: string | undefined },
  key: TrustedKey,
): Promise<ProofState> {
  const leaf = leafHash(entry.line);
  const leaf_hash = encodeHex(leaf);
  const unproved = (why: string): ProofState => ({ state: 'unproved', leaf_hash, why });
  try {
    const note = await opened.reader.objects.get('checkpoint');
    const checkpoint = note === undefined ? undefined : openCheckpoint(note, [key.verifier]);
    const signed = checkpoint?.size ?? 0;
    if (checkpoint === undefined || entry.index >= signed) {
      return { state: 'sequenced', leaf_hash, signed, chained: await isChained(opened.reader, entry) };
    }
    const proof = await proveInclusion(entry.index, signed, await hashesOf(opened.reader, signed));
    checkEntry(entry.line, entry.index, proof, checkpoint);
    return {
      state: 'published',
      verified: true,
      leaf_hash,
      checkpoint: { origin: checkpoint.origin, size: checkpoint.size, root: encodeBase64(checkpoint.root) },
      key: { vkey: key.verifier.vkey, ground: key.ground },
      proof: proof.map(encodeBase64),
    };
  } catch (error) {
    if (isTallyError(error)) return unproved(error.message);
    throw error;
  }
}

async function isChained(
  reader: LogReader,
  { index, prev }: { readonly index: number; readonly prev: string | undefined },
): Promise<boolean> {
  if (index === 0) return prev === encodeBase64(new Uint8Array(HASH_BYTES));
  const [before] = await readLines(reader, index - 1, index);
  return before !== undefined && prev === encodeBase64(leafHash(before));
}

/**
 * Nodes of the tree of the first `size` entries, out of the stored full tiles and, right of those, the entries
 * themselves. Throws `LOG_DAMAGED` when a tile is missing.
 */
export async function hashesOf(reader: LogReader, size: number): Promise<HashReader> {
  const stored: TileReader = async (level, at, width) => {
    const tile = await reader.objects.get(tilePath({ level, index: at, width: TILE_WIDTH }));
    return tile?.subarray(0, width * HASH_BYTES);
  };
  const tail = await readLines(reader, size - (size % TILE_WIDTH), size);
  if (tail.length !== size % TILE_WIDTH) {
    throw new TallyError('LOG_DAMAGED', `the log ends before the ${size} entries that were signed`, {
      hint: 'run `tally verify`: it tells what is missing',
    });
  }
  const leaves = new Uint8Array(tail.length * HASH_BYTES);
  tail.forEach((line, i) => {
    leaves.set(leafHash(line), i * HASH_BYTES);
  });
  const { partials } = await loadTreeState(size, leaves, stored);
  return tileHashReader(size, (level, at, width) =>
    width === TILE_WIDTH ? stored(level, at, width) : partials[level],
  );
}
