/**
 * Whether one entry is under the signed checkpoint of its log, found out for this very call: its bytes are read from the
 * segment, hashed, and led to the signed root by an inclusion proof from the tiles.
 */
import { encodeBase64, encodeHex } from '../core/bytes.ts';
import { isTallyError } from '../core/error.ts';
import { HASH_BYTES } from '../core/hash.ts';
import type { LogReader } from '../core/ports.ts';
import { openCheckpoint, parseCheckpoint, type VerifiedCheckpoint } from '../core/tlog/checkpoint.ts';
import { checkEntry } from '../core/tlog/entry-proof.ts';
import { type Verifier, verifierFromVkey } from '../core/tlog/key.ts';
import { type KeySpan, keysAt } from '../core/tlog/key-history.ts';
import { parseNote } from '../core/tlog/note.ts';
import { proveInclusion } from '../core/tlog/proof.ts';
import { leafHash } from '../core/tlog/tree.ts';
import type { OpenedReader } from '../reader.ts';
import { hashesOf } from './hashes.ts';
import { spansFrom, walkLog } from './key-walk.ts';
import { readLines } from './lines.ts';
import { pinnedVkey, type Whose } from './remembered.ts';

/** Whose word the key is: `pinned` was remembered outside the log or given; `self-declared` is the log's own. */
export interface TrustedKey {
  /** The trusted one itself: what a reader of the whole log needs. */
  readonly first: Verifier;
  /** Signs now. */
  readonly verifier: Verifier;
  /** All of them, from `first` on. */
  readonly spans: readonly KeySpan[];
  readonly ground: 'given' | 'pinned' | 'self-declared';
  /** The newest checkpoint, read before the keys were: a rotation meanwhile must not leave it without its note. */
  readonly newest: Uint8Array | undefined;
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

/**
 * The key to trust: the given one, else the one remembered beside the log, else what the log says of itself; and the one
 * that signs now, to which the rotation notes lead from there. Throws `LOG_DAMAGED` when they do not.
 */
export async function trustedKey(
  opened: OpenedReader,
  whose: Whose & { readonly given: string | undefined },
): Promise<TrustedKey> {
  const { vkey, ground } = await startingKey(opened, whose);
  const first = verifierFromVkey(vkey);
  const newest = await opened.reader.objects.get('checkpoint');
  const spans = spansFrom(await walkLog(opened, whose, first.name), first);
  return { first, spans, verifier: spans.at(-1)?.verifier ?? first, ground, newest };
}

async function startingKey(
  opened: OpenedReader,
  whose: Whose & { readonly given: string | undefined },
): Promise<{ readonly vkey: string; readonly ground: TrustedKey['ground'] }> {
  if (whose.given !== undefined) return { vkey: whose.given, ground: 'given' };
  const info = await opened.logInfo();
  const pinned = await pinnedVkey(opened, whose, info.origin);
  if (pinned !== undefined) return { vkey: pinned, ground: 'pinned' };
  return { vkey: info.keys[0]?.vkey ?? '', ground: 'self-declared' };
}

/** The newest checkpoint and its signed bytes; `undefined` when nothing is signed. Throws what opening it throws. */
export function openNewest({
  newest: note,
  spans,
}: TrustedKey): { readonly note: Uint8Array; readonly checkpoint: VerifiedCheckpoint } | undefined {
  if (note === undefined) return undefined;
  const { size } = parseCheckpoint(parseNote(note).text);
  return { note, checkpoint: openCheckpoint(note, keysAt(spans, size)) };
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
  const newest = openNewest(key);
  if (newest === undefined || index >= newest.checkpoint.size)
    return { signed: newest?.checkpoint.size ?? 0 };
  return placeUnder(opened, { index, line }, newest);
}

/** The same under any checkpoint of this log that covers the entry. Throws `PROOF_INVALID` and `LOG_DAMAGED`. */
export async function placeUnder(
  { reader }: Pick<OpenedReader, 'reader'>,
  { index, line }: { readonly index: number; readonly line: Uint8Array },
  { note, checkpoint }: Pick<ProvenPlace, 'note' | 'checkpoint'>,
): Promise<ProvenPlace> {
  const proof = await proveInclusion(index, checkpoint.size, hashesOf(reader, checkpoint.size));
  checkEntry(line, index, proof, checkpoint);
  return { index, checkpoint, note, proof };
}

/** The key that signed this checkpoint: after a rotation another one than signs now. */
export function signerOf(
  { size, signatures }: VerifiedCheckpoint,
  { spans, verifier }: TrustedKey,
): Verifier {
  const signed = keysAt(spans, size).findLast(({ name, keyId }) =>
    signatures.some((line) => line.name === name && line.keyId === keyId),
  );
  return signed ?? verifier;
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
    const { vkey } = signerOf(place.checkpoint, key);
    return {
      state: 'published',
      verified: true,
      leaf_hash,
      checkpoint: { origin, size, root: encodeBase64(root) },
      key: { vkey, ground: key.ground },
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
