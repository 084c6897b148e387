/**
 * Whether one entry is under the signed checkpoint of its log, found out for this very call: its bytes are read from the
 * segment, hashed, and led to the signed root by an inclusion proof from the tiles.
 */
import { encodeBase64, encodeHex } from '../core/bytes.ts';
import { isTallyError } from '../core/error.ts';
import { HASH_BYTES } from '../core/hash.ts';
import type { LogReader } from '../core/ports.ts';
import { openCheckpoint, type VerifiedCheckpoint } from '../core/tlog/checkpoint.ts';
import { checkEntry } from '../core/tlog/entry-proof.ts';
import { type Verifier, verifierFromVkey } from '../core/tlog/key.ts';
import { liveTree } from '../core/tlog/live-tree.ts';
import { type HashReader, proveInclusion } from '../core/tlog/proof.ts';
import { tileHashReader } from '../core/tlog/tiling.ts';
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

/** The newest checkpoint and its signed bytes; `undefined` when nothing is signed. Throws what opening it throws. */
export async function openNewest(
  { reader }: OpenedReader,
  { verifier }: TrustedKey,
): Promise<{ readonly note: Uint8Array; readonly checkpoint: VerifiedCheckpoint } | undefined> {
  const note = await reader.objects.get('checkpoint');
  return note === undefined ? undefined : { note, checkpoint: openCheckpoint(note, [verifier]) };
}

export interface ProvenPlace {
  readonly index: number;
  readonly checkpoint: VerifiedCheckpoint;
  /** The signed bytes of `checkpoint`. */
  readonly note: Uint8Array;
  /** Nearest to the leaf first. It was checked: it leads from these bytes to the signed root. */
  readonly proof: readonly Uint8Array[];
}

/**
 * The proof of the entry `line` at place `index` under the newest checkpoint. `signed`: the size of that checkpoint, for
 * an entry that it does not cover yet. Throws `PROOF_INVALID`, `LOG_DAMAGED` and what opening the checkpoint throws.
 */
export async function provePlace(
  opened: OpenedReader,
  { index, line }: { readonly index: number; readonly line: Uint8Array },
  key: TrustedKey,
): Promise<ProvenPlace | { readonly signed: number }> {
  const newest = await openNewest(opened, key);
  if (newest === undefined || index >= newest.checkpoint.size)
    return { signed: newest?.checkpoint.size ?? 0 };
  const { note, checkpoint } = newest;
  const proof = await proveInclusion(index, checkpoint.size, hashesOf(opened.reader, checkpoint.size));
  checkEntry(line, index, proof, checkpoint);
  return { index, checkpoint, note, proof };
}

/** `line`: the stored bytes at place `index` of the log; `prev`: what they name as the hash of the entry before. */
export async function proveEntry(
  opened: OpenedReader,
  entry: { readonly index: number; readonly line: Uint8Array; readonly prev: string | undefined },
  key: TrustedKey,
): Promise<ProofState> {
  const leaf_hash = encodeHex(leafHash(entry.line));
  try {
    const place = await provePlace(opened, entry, key);
    if ('signed' in place)
      return {
        state: 'sequenced',
        leaf_hash,
        signed: place.signed,
        chained: await isChained(opened.reader, entry),
      };
    const { origin, size, root } = place.checkpoint;
    return {
      state: 'published',
      verified: true,
      leaf_hash,
      checkpoint: { origin, size, root: encodeBase64(root) },
      key: { vkey: key.verifier.vkey, ground: key.ground },
      proof: place.proof.map(encodeBase64),
    };
  } catch (error) {
    if (isTallyError(error)) return { state: 'unproved', leaf_hash, why: error.message };
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
 * themselves. Reading throws `LOG_DAMAGED` when a tile is missing.
 */
export function hashesOf(reader: LogReader, size: number): HashReader {
  const tree = liveTree(reader);
  // One proof asks for several nodes of the same tile, and a partial one is made from entries.
  const made = new Map<string, Promise<Uint8Array | undefined>>();
  return tileHashReader(size, (level, index, width) => {
    const name = `${level}/${index}`;
    const tile = made.get(name) ?? tree.tile({ level, index, width }, size);
    made.set(name, tile);
    return tile;
  });
}
