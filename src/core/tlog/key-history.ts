/**
 * The keys of one log, one after the other, walked from its rotation notes (spec/log.md, key rotation).
 *
 * A rotation note of size s is the checkpoint of that size signed by the old and the new key. Its text does not name the
 * new key: without more, whoever holds any published checkpoint could add a signature of their own and call it a
 * rotation. So entry s - 1, the last one under the note, has to be a `key.rotate` entry of the recorder that names both
 * keys. The old key signed the root, so it vouches for that entry.
 */
import { decodeUtf8, equalBytes } from '../bytes.ts';
import { isTallyError } from '../error.ts';
import type { Json } from '../json.ts';
import { LIMITS } from '../limits.ts';
import { parseJson } from '../parse.ts';
import { field, numberAt, textAt } from '../query/fields.ts';
import { type Checkpoint, openCheckpoint, parseCheckpoint } from './checkpoint.ts';
import { type Verifier, verifierFromVkey } from './key.ts';
import { parseNote } from './note.ts';

/** The type of the entry that a rotation note ends with. */
export const KEY_ROTATE = 'key.rotate';

/** A stored note, named by its size. */
export interface RotationNote {
  readonly size: number;
  readonly note: Uint8Array;
}

/** A note with what the log itself says at that size. */
export interface Rotation extends RotationNote {
  /** Recomputed from the entries; `undefined` when the log does not reach that size. */
  readonly root: Uint8Array | undefined;
  /** The bytes of entry `size - 1`, which are under that root; `undefined` when there is none. */
  readonly entry: Uint8Array | undefined;
  /** Why the log's own root at that size is not known, although the log reaches it. */
  readonly unknown?: string;
}

/** A key is good for checkpoints of `from` to `to` entries, both included. */
export interface KeySpan {
  readonly verifier: Verifier;
  readonly from: number;
  /** Absent for the newest key. */
  readonly to?: number;
}

export interface KeyHistory {
  /** Empty for a log without rotations: nothing but a pinned key then says which one is its own. */
  readonly spans: readonly KeySpan[];
  /** Why the walk stopped. The spans are those before. */
  readonly problem?: string;
}

const NAME = /^keys\/([1-9]\d{0,15})\.note$/;

export function rotationName(size: number): string {
  return `keys/${size}.note`;
}

/** The size in a rotation note's name, `undefined` for any other name. */
export function rotationSize(name: string): number | undefined {
  const size = Number(NAME.exec(name)?.[1]);
  return Number.isSafeInteger(size) ? size : undefined;
}

interface Binding {
  readonly old: Verifier;
  readonly next: Verifier;
}

/**
 * Walks the notes in the order of their size. Costs two signatures a note, and at most `LIMITS.keyRotations` of them.
 * Never throws: a note that does not hold ends the walk with a `problem`.
 */
export function walkRotations(origin: string, rotations: readonly Rotation[]): KeyHistory {
  const ordered = rotations.toSorted((a, b) => a.size - b.size);
  if (ordered.length > LIMITS.keyRotations)
    return { spans: [], problem: `there are more than ${LIMITS.keyRotations} rotation notes` };
  let spans: readonly KeySpan[] = [];
  for (const rotation of ordered) {
    const step = stepOf(origin, rotation);
    const problem = typeof step === 'string' ? step : misfit(spans, step);
    if (problem !== undefined || typeof step === 'string')
      return { spans, problem: `${rotationName(rotation.size)}: ${problem}` };
    spans = withRotation(spans, step.old, step.next, rotation.size);
  }
  return { spans };
}

/** The spans after one more rotation at `size`. The first one tells the first key too. */
export function withRotation(
  spans: readonly KeySpan[],
  old: Verifier,
  next: Verifier,
  size: number,
): readonly KeySpan[] {
  const ending = spans.at(-1) ?? { verifier: old, from: 0 };
  return [...spans.slice(0, -1), { ...ending, to: size }, { verifier: next, from: size }];
}

function misfit(spans: readonly KeySpan[], { old, next }: Binding): string | undefined {
  const last = spans.at(-1);
  if (last !== undefined && last.verifier.vkey !== old.vkey)
    return `it retires ${nameOf(old)}, and the key at that size is ${nameOf(last.verifier)}`;
  // Whoever kept an old private key would be let in again.
  if (next.vkey === old.vkey || spans.some(({ verifier }) => verifier.vkey === next.vkey))
    return `it brings back ${nameOf(next)}, which was retired`;
  return undefined;
}

/** An entry under the note was altered; which one is for `verify` to say. */
export function notTheSigned(size: number): string {
  return `the first ${size} entries are not the ones that were signed`;
}

/** What a note shows by itself and with its entry, or why it shows nothing. */
function stepOf(origin: string, { size, note, root, entry, unknown }: Rotation): Binding | string {
  try {
    const claimed: Checkpoint = parseCheckpoint(parseNote(note).text);
    if (claimed.origin !== origin) return `it speaks for ${claimed.origin}`;
    if (claimed.size !== size) return `it is of size ${claimed.size}`;
    if (unknown !== undefined) return unknown;
    if (root === undefined || entry === undefined) return 'the log ends before it';
    if (!equalBytes(claimed.root, root)) return notTheSigned(size);
    const bound = readRotateEntry(entry);
    if (typeof bound === 'string') return bound;
    if (bound.index !== size - 1) return `the entry says it is entry ${bound.index}`;
    const old = verifierFromVkey(bound.old);
    const next = verifierFromVkey(bound.next);
    if (old.name !== origin || next.name !== origin) return 'its entry names a key of another log';
    // One at a time: a note that only one of them signed must not pass.
    openCheckpoint(note, [old]);
    openCheckpoint(note, [next]);
    return { old, next };
  } catch (error) {
    if (isTallyError(error)) return error.message;
    throw error;
  }
}

export interface RotateEntry {
  readonly index: number;
  /** vkeys, not yet parsed. */
  readonly old: string;
  readonly next: string;
}

/**
 * The keys that a stored line binds, or why it binds none. Only what the recorder itself wrote counts: clients can
 * write no entry of this type, and nothing that they report is `enforced` by the surface `server`.
 */
export function readRotateEntry(line: Uint8Array): RotateEntry | string {
  const text = decodeUtf8(line);
  const entry = text === undefined ? undefined : parsed(text);
  if (entry === undefined) return 'the last entry under it is not readable';
  if (textAt(entry, 'type') !== KEY_ROTATE || textAt(entry, 'phase') !== 'point')
    return `the last entry under it is no ${KEY_ROTATE}, so nothing binds its new key`;
  const byRecorder =
    textAt(entry, 'source', 'surface') === 'server' && textAt(entry, 'source', 'assurance') === 'enforced';
  if (!byRecorder || field(entry, 'decision') !== undefined)
    return `the ${KEY_ROTATE} entry under it is not the recorder's own`;
  const index = numberAt(entry, 'index');
  const old = textAt(entry, 'metadata', 'old');
  const next = textAt(entry, 'metadata', 'new');
  if (index === undefined || old === undefined || next === undefined)
    return `the ${KEY_ROTATE} entry under it does not name two keys`;
  return { index, old, next };
}

function parsed(text: string): Json | undefined {
  try {
    return parseJson(text) as Json;
  } catch {
    // Not JSON: the caller says so.
    return undefined;
  }
}

/** The keys that are good for a checkpoint of `size` entries. At a rotation's size there are two. */
export function keysAt(spans: readonly KeySpan[], size: number): readonly Verifier[] {
  return spans
    .filter(({ from, to }) => size >= from && (to === undefined || size <= to))
    .map(({ verifier }) => verifier);
}

/**
 * How the notes beside the log contradict those that were remembered outside of it. A note is kept for ever: one that is
 * gone or altered was taken by somebody who wants another history.
 */
export function forgottenRotation(
  stored: readonly RotationNote[],
  remembered: readonly RotationNote[],
): string | undefined {
  for (const { size, note } of remembered) {
    const own = stored.find((one) => one.size === size);
    if (own === undefined) return `${rotationName(size)} is remembered, and gone from the log`;
    if (!equalBytes(own.note, note)) return `${rotationName(size)} is not the one that is remembered`;
  }
  return undefined;
}

/** Names of the notes beside the log, up to the size `signed`, that nobody remembers outside of it any more. */
export function unremembered(
  stored: readonly RotationNote[],
  remembered: readonly RotationNote[],
  signed: number,
): readonly string[] {
  return stored
    .filter(({ size }) => size <= signed && !remembered.some((one) => one.size === size))
    .map(({ size }) => rotationName(size));
}

/** As log.json and the verdict tell a key. */
export interface ListedKey {
  readonly vkey: string;
  readonly from: number;
}

/**
 * How the keys of log.json contradict the walk; `walked` is empty without rotations. It may name fewer: a crash can come
 * between a note and log.json, and the list is a hint only.
 */
export function contradictedKeys(
  listed: readonly ListedKey[],
  walked: readonly ListedKey[],
): string | undefined {
  const first = listed[0];
  const known = walked.length > 0 || first === undefined ? walked : [{ vkey: first.vkey, from: 0 }];
  for (const [i, { vkey, from }] of listed.entries()) {
    const bound = known[i];
    if (bound === undefined) return `log.json names the key ${vkey}, and no rotation note leads to it`;
    if (bound.vkey !== vkey || bound.from !== from)
      return `log.json names the key ${vkey} from ${from} on, and the rotation notes say ${bound.vkey} from ${bound.from}`;
  }
  return undefined;
}

export function nameOf({ name, keyId }: Pick<Verifier, 'name' | 'keyId'>): string {
  return `${name}+${keyId}`;
}
