/**
 * What our witness remembers of each log, twice, since a witness that forgets cosigns forks:
 *
 *     heads/<h>.note    the last checkpoint that it cosigned, with the log's signatures and its own
 *     seen/<h>          size " " b64(root) "\n" of the same; "0 …" from when the log was trusted on
 *
 * `<h>` is the SHA-256 of the origin in hex. The head is written first, then what was seen, both durable, and only then
 * is a cosignature given out. So a head may be one step ahead (a crash between the two: it counts), and never behind.
 * Whatever else is found is damage or one file put back from a backup; then nothing more is cosigned for that log. Who
 * puts back both, with the key, is not noticed: spec/log.md.
 */
import { decodeBase64, decodeUtf8, encodeBase64, encodeUtf8, equalBytes } from '../../core/bytes.ts';
import { isTallyError, TallyError } from '../../core/error.ts';
import { HASH_BYTES, sha256Hex } from '../../core/hash.ts';
import type { ObjectStore } from '../../core/ports.ts';
import { encodeCheckpoint, parseCheckpoint, type VerifiedCheckpoint } from '../../core/tlog/checkpoint.ts';
import { type CosignatureVerifier, cosignaturesOn } from '../../core/tlog/cosignature.ts';
import { type NoteSignature, parseNote, signNote } from '../../core/tlog/note.ts';
import { emptyRoot } from '../../core/tlog/tree.ts';
import type { Latest } from '../../core/tlog/witness-protocol.ts';

/** What was cosigned last. */
export interface Remembered extends Latest {
  /** Absent when nothing was cosigned yet. */
  readonly note?: Uint8Array;
}

export const headFile = (origin: string): string => `heads/${sha256Hex(origin)}.note`;
const seenFile = (origin: string): string => `seen/${sha256Hex(origin)}`;
/** A checkpoint that the log signed beside the one in heads/, of the same size. */
export const forkFile = (origin: string): string => `forks/${sha256Hex(origin)}.note`;
/** What heads/ held then. */
export const forkedFile = (origin: string): string => `forks/${sha256Hex(origin)}.head.note`;

function damaged(origin: string, what: string): TallyError {
  return new TallyError(
    'WITNESS_DAMAGED',
    `the witness does not cosign ${origin}: ${what}. It cannot tell what it cosigned last, and would risk cosigning a fork`,
    {
      hint: 'find out what happened to its directory; a witness that lost its state starts again under a NEW key: `tally witness serve --dir DIR`',
    },
  );
}

function encodeSeen({ size, root }: Latest): Uint8Array {
  return encodeUtf8(`${size} ${encodeBase64(root)}\n`);
}

function parseSeen(bytes: Uint8Array): Latest | undefined {
  const [, digits = '', base64 = ''] = /^(0|[1-9]\d{0,15}) (\S+)\n$/.exec(decodeUtf8(bytes) ?? '') ?? [];
  const root = decodeBase64(base64);
  const size = Number(digits);
  return digits !== '' && Number.isSafeInteger(size) && root?.length === HASH_BYTES
    ? { size, root }
    : undefined;
}

const nothing = (): Latest => ({ size: 0, root: emptyRoot() });

export async function hasState(files: Pick<ObjectStore, 'get'>, origin: string): Promise<boolean> {
  const found = await Promise.all([files.get(seenFile(origin)), files.get(headFile(origin))]);
  return found.some((bytes) => bytes !== undefined);
}

/** Of a log that was never cosigned. Durable. */
export async function beginState(files: Pick<ObjectStore, 'put'>, origin: string): Promise<void> {
  await files.put(seenFile(origin), encodeSeen(nothing()));
}

/** Throws `WITNESS_DAMAGED` for anything but what this program leaves behind, at whatever moment it was killed. */
export async function readState(
  files: Pick<ObjectStore, 'get'>,
  origin: string,
  own: CosignatureVerifier,
): Promise<Remembered> {
  // In this order: whoever reads while the other half of a write is still to come sees a head that is ahead.
  const seenBytes = await files.get(seenFile(origin));
  const note = await files.get(headFile(origin));
  if (seenBytes === undefined) throw damaged(origin, `${seenFile(origin)} is gone`);
  const seen = parseSeen(seenBytes);
  if (seen === undefined) throw damaged(origin, `${seenFile(origin)} is damaged`);
  if (note === undefined) {
    if (seen.size > 0) throw damaged(origin, `${headFile(origin)} is gone`);
    return seen;
  }
  const head = readHead(origin, note, own);
  if (head.size < seen.size)
    throw damaged(origin, `${headFile(origin)} was put back to ${head.size} entries, after ${seen.size}`);
  if (head.size === seen.size && !equalBytes(head.root, seen.root))
    throw damaged(origin, `its two records of ${head.size} entries differ`);
  return { ...head, note };
}

/** Our own cosignature guards each byte of the text. */
function readHead(origin: string, note: Uint8Array, own: CosignatureVerifier): Latest {
  try {
    const parsed = parseNote(note);
    const { verified, failed } = cosignaturesOn(parsed, [own]);
    const checkpoint = parseCheckpoint(parsed.text);
    if (checkpoint.origin === origin && verified.length > 0 && failed.length === 0) return checkpoint;
  } catch (error) {
    if (!isTallyError(error)) throw error;
  }
  throw damaged(origin, `${headFile(origin)} is damaged, or was cosigned by another key`);
}

/**
 * Resolved: both records are durable. Rejected: nothing may be assumed, and nothing may be cosigned before the state was
 * read and written again.
 */
export async function writeState(
  files: Pick<ObjectStore, 'put'>,
  { origin, size, root, note }: Required<Remembered> & { readonly origin: string },
): Promise<void> {
  await files.put(headFile(origin), note);
  await files.put(seenFile(origin), encodeSeen({ size, root }));
}

/** The note that is kept: the log's own verified signatures, each key once, and ours. */
export function headNote(checkpoint: VerifiedCheckpoint, cosignature: NoteSignature): Uint8Array {
  const once = new Map(checkpoint.signatures.map((line) => [`${line.name}+${line.keyId}`, line]));
  return signNote(encodeCheckpoint(checkpoint), [], [...once.values(), cosignature]);
}
