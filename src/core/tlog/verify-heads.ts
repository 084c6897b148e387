/**
 * Append-only: the tree at the size of every remembered checkpoint must have the root that was remembered. This is what
 * shows a rollback to an older, validly signed checkpoint, a truncation, a wipe, and a history made anew.
 */
import { equalBytes } from '../bytes.ts';
import { type Checkpoint, parseCheckpoint } from './checkpoint.ts';
import type { Verifier } from './key.ts';
import { type KeyHistory, keysAt } from './key-history.ts';
import { openNote, parseNote } from './note.ts';
import type { AppendOnlyVerdict, Ground, HeadVerdict } from './verify-report.ts';
import { attempt } from './verify-signed.ts';

/** A checkpoint that somebody remembered. */
export interface Head {
  /** The signed note. */
  readonly checkpoint: Uint8Array;
  readonly ground: Ground;
  /** For the report: a file name, a witness. */
  readonly name?: string;
  /** Of a head that a published copy may be older than: what is known of the two. Absent: the log has to reach it. */
  readonly older?: OlderCopy;
}

/**
 * `begins`: it was proven that the copy's checkpoint is of a beginning of the head's tree. `differs`: that it is not.
 * `unknown`: nobody could tell.
 */
export type OlderCopy = 'begins' | 'differs' | 'unknown';

const OLDER = {
  begins: { status: 'neutral', note: 'this copy is the beginning of it' },
  differs: { status: 'fail', note: 'this copy is no beginning of it: its entries are others' },
  unknown: { status: 'incomplete', note: 'whether this copy is the beginning of it could not be found out' },
} as const;

export interface ReadHead {
  readonly head: Head;
  /** Absent: it cannot be used, for the reason in `note`. */
  readonly checkpoint?: Checkpoint;
  readonly note?: string;
}

/**
 * A head by an unknown key is used nevertheless: it can only add a demand, and a log that was made anew with a new key
 * must not get rid of its old heads that way. One whose known key did not sign it is damaged and shows nothing.
 */
export function readHead(head: Head, origin: string, known: readonly Verifier[]): ReadHead {
  const note = attempt(() => parseNote(head.checkpoint));
  const checkpoint = note === undefined ? undefined : attempt(() => parseCheckpoint(note.text));
  if (note === undefined || checkpoint === undefined) return { head, note: 'this head does not parse' };
  if (checkpoint.origin !== origin) return { head, note: `this head belongs to ${checkpoint.origin}` };
  if (attempt(() => openNote(head.checkpoint, known)) !== undefined) return { head, checkpoint };
  const claimsKnown = note.signatures.some((line) =>
    known.some(({ name, keyId }) => name === line.name && keyId === line.keyId),
  );
  return claimsKnown
    ? { head, note: 'the signature of this head does not fit it' }
    : { head, checkpoint, note: 'no known key signed this head' };
}

/** With the keys that the walk told. A retired key is an unknown one for sizes above its rotation. */
export function readAgain(read: ReadHead, origin: string, { spans }: KeyHistory): ReadHead {
  if (spans.length === 0) return read;
  const all = readHead(
    read.head,
    origin,
    spans.map(({ verifier }) => verifier),
  );
  return all.checkpoint === undefined ? all : readHead(read.head, origin, keysAt(spans, all.checkpoint.size));
}

function judge(
  { head, checkpoint, note }: ReadHead,
  roots: ReadonlyMap<number, Uint8Array>,
  { lines, signed }: Ends,
): HeadVerdict {
  const about = { ground: head.ground, ...(head.name === undefined ? {} : { name: head.name }) };
  if (checkpoint === undefined)
    return { ...about, status: 'incomplete', ...(note === undefined ? {} : { note }) };
  const { size } = checkpoint;
  const root = roots.get(size);
  if (root === undefined && head.older !== undefined && signed !== undefined && size > signed)
    return { ...about, size, ...OLDER[head.older] };
  const because =
    root === undefined
      ? `the log has ${lines} entries, this head had ${size}: it was rolled back or cut off`
      : `the first ${size} entries are not those of this head`;
  const holds = root !== undefined && equalBytes(root, checkpoint.root);
  const notes = [...(holds ? [] : [because]), ...(note === undefined ? [] : [note])];
  return {
    ...about,
    status: holds ? 'pass' : 'fail',
    size,
    ...(notes.length === 0 ? {} : { note: notes.join('; ') }),
  };
}

export interface Ends {
  /** Behind the last entry. */
  readonly lines: number;
  /** What the checkpoint of the log claims; absent when there is none. */
  readonly signed: number | undefined;
}

/** `roots`: recomputed, at each head's size that the log reaches. */
export function judgeHeads(
  heads: readonly ReadHead[],
  roots: ReadonlyMap<number, Uint8Array>,
  ends: Ends,
): AppendOnlyVerdict {
  const verdicts = heads.map((head) => judge(head, roots, ends));
  const [widest] = verdicts
    .filter(({ status }) => status === 'pass')
    .sort((a, b) => (b.size ?? 0) - (a.size ?? 0));
  const worst =
    verdicts.find(({ status }) => status === 'fail') ??
    verdicts.find(({ status }) => status === 'incomplete');
  if (worst !== undefined) return { status: worst.status, heads: verdicts, note: worstNote(worst, ends) };
  const newer = verdicts.filter(({ status }) => status === 'neutral');
  if (widest === undefined && newer.length > 0)
    return { status: 'neutral', heads: verdicts, note: olderNote(newer, ends) };
  if (widest === undefined)
    return {
      status: 'neutral',
      heads: [],
      note: 'no head was remembered or given: a rollback would not show',
    };
  return {
    status: 'pass',
    heads: verdicts,
    note: `append-only since ${widest.size ?? 0}, head: ${widest.ground}${newer.length > 0 ? `; ${olderNote(newer, ends)}` : ''}`,
  };
}

function worstNote(worst: HeadVerdict, ends: Ends): string {
  const older = worst.note === OLDER.unknown.note;
  return older
    ? `${olderNote([worst], ends)}; ${OLDER.unknown.note}`
    : `head: ${worst.ground}: ${worst.note ?? 'no reason'}`;
}

function olderNote(newer: readonly HeadVerdict[], { signed }: Ends): string {
  const most = newer.reduce((a, b) => ((b.size ?? 0) > (a.size ?? 0) ? b : a));
  const who = most.ground === 'local' ? 'this machine remembers a head' : 'an anchor holds a checkpoint';
  return `this copy has ${signed ?? 0} entries; ${who} of ${most.size ?? 0}: it is older, publish again`;
}
