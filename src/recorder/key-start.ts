/**
 * Which keys a log has, at its start. Nothing is written and no entry is read: this machine made every rotation itself
 * and remembers each note in heads/, beside the first key. Whoever has not seen the rotations walks them with the
 * entries that bind them (core/tlog/key-history.ts).
 */
import { decodeUtf8, equalBytes } from '../core/bytes.ts';
import { isTallyError, type TallyError } from '../core/error.ts';
import type { LogInfo } from '../core/loginfo.ts';
import type { LogStore, ObjectStore } from '../core/ports.ts';
import { type Checkpoint, openCheckpoint, parseCheckpoint } from '../core/tlog/checkpoint.ts';
import { type Verifier, verifierFromVkey } from '../core/tlog/key.ts';
import {
  forgottenRotation,
  type KeySpan,
  nameOf,
  type RotationNote,
  rotationName,
  unremembered,
  withRotation,
} from '../core/tlog/key-history.ts';
import { parseNote } from '../core/tlog/note.ts';
import { readRotations } from '../core/tlog/rotation-notes.ts';
import { attempt } from '../core/tlog/verify-signed.ts';
import { damaged } from './claims.ts';

export interface LogKeys {
  /** In order; at least one. The last signs, unless `begun` is completed. */
  readonly spans: readonly KeySpan[];
  /** The rotation notes as claims about the first entries, `begun` too. */
  readonly notes: readonly Checkpoint[];
  /** A rotation whose note is written and whose checkpoint is not: a crash came between. */
  readonly begun: RotationNote | undefined;
}

/**
 * Errors: `LOG_DAMAGED` when the keys of log.json do not follow from the remembered first key by the notes, or a note is
 * not the remembered one. Both notes and log.json are durable before the first checkpoint that needs them.
 */
export async function readKeys(options: {
  readonly store: Pick<LogStore, 'objects'>;
  readonly heads: ObjectStore;
  readonly name: string;
  readonly info: LogInfo;
}): Promise<LogKeys> {
  const { store, heads, name, info } = options;
  const pinned = decodeUtf8((await heads.get(`${name}/vkey`)) ?? new Uint8Array(0))?.trim();
  const remembered = await readRotations(heads, `${name}/`);
  const stored = await readRotations(store.objects);
  const [first, ...later] = info.keys;
  if (first === undefined || first.vkey !== pinned || first.from !== 0)
    throw damaged('log.json names another first key than the one that was remembered');
  const forgotten = forgottenRotation(stored, remembered);
  if (forgotten !== undefined) throw damaged(forgotten);

  const checkpoint = await store.objects.get('checkpoint');
  if (stored.length > 0)
    requireNewest(name, info.origin, stored, checkpoint, await heads.get(`${name}/checkpoint`));
  const signed = checkpoint === undefined ? 0 : sizeOf(checkpoint);
  const bound = stored.filter(({ size }) => size <= signed);
  const [begun, ...more] = stored.filter(({ size }) => size > signed);
  if (more.length > 0)
    throw damaged(
      `there is a rotation note after ${rotationName(begun?.size ?? 0)}, which was not completed`,
    );
  const lost = unremembered(stored, remembered, signed);
  if (lost.length > 0) throw notRemembered(name, lost);
  let spans: readonly KeySpan[] = [{ verifier: verifierFromVkey(first.vkey), from: 0 }];
  for (const [i, note] of bound.entries()) {
    const listed = later[i];
    if (listed?.from !== note.size)
      throw damaged(`log.json does not name the key that took over at ${note.size}`);
    spans = taken(spans, note, verifierFromVkey(listed.vkey));
  }
  const [extra, ...others] = later.slice(bound.length);
  if (others.length > 0 || (extra !== undefined && extra.from !== begun?.size))
    throw damaged(`log.json names the key ${extra?.vkey ?? ''}, and no rotation note leads to it`);
  const notes = [...bound, ...(begun === undefined ? [] : [begun])].map(({ note }) =>
    parseCheckpoint(parseNote(note).text),
  );
  return { spans, notes, begun };
}

/** Rotation notes above an old checkpoint look like rotations that were cut short: that it is old is said first. */
function requireNewest(
  name: string,
  origin: string,
  stored: readonly RotationNote[],
  checkpoint: Uint8Array | undefined,
  head: Uint8Array | undefined,
): void {
  const mend = `run \`tally verify\`. heads/${name}/checkpoint is the newest checkpoint that this machine remembers: where the entries fit it, copy it to logs/${name}/checkpoint`;
  if (checkpoint === undefined) throw damaged('the checkpoint of the log is gone', undefined, mend);
  const own = parsed(checkpoint);
  const remembered = head === undefined ? undefined : parsed(head);
  if (own === undefined) return;
  if (own.origin !== origin)
    throw damaged(`the checkpoint in the log is of ${own.origin}, not of ${origin}`, undefined, mend);
  if (remembered === undefined || remembered.origin !== origin) return;
  if (stored.some(({ size }) => own.size < size && size < remembered.size))
    throw damaged(
      `the checkpoint in the log is of ${own.size} entries, older than the one of ${remembered.size} that this machine remembers`,
      undefined,
      mend,
    );
}

function parsed(checkpoint: Uint8Array): Checkpoint | undefined {
  return attempt(() => parseCheckpoint(parseNote(checkpoint).text));
}

function notRemembered(name: string, lost: readonly string[]): TallyError {
  const gone = lost.map((file) => `heads/${name}/${file}`).join(', ');
  return damaged(
    `this machine no longer remembers rotations of its key, although the log went on after them: gone is ${gone}`,
    undefined,
    `run \`tally verify\`: where the notes beside the log lead from its first key to the newest, it says which files of logs/${name}/keys/ to copy into heads/${name}/keys/`,
  );
}

function sizeOf(checkpoint: Uint8Array): number {
  try {
    return parseCheckpoint(parseNote(checkpoint).text).size;
  } catch (error) {
    if (!isTallyError(error)) throw error;
    throw damaged(`the checkpoint in the log is none: ${error.message}`);
  }
}

function taken(spans: readonly KeySpan[], { size, note }: RotationNote, next: Verifier): readonly KeySpan[] {
  const old = spans.at(-1)?.verifier;
  if (old === undefined) return spans;
  for (const key of [old, next]) {
    if (openCheckpoint(note, [key]).size !== size)
      throw damaged(`${rotationName(size)}, which ${nameOf(key)} signed, is of another size`);
  }
  return withRotation(spans, old, next, size);
}

/** Throws `LOG_DAMAGED` when a note is there that is not this one. */
export function requireSame(found: Uint8Array | undefined, note: Uint8Array, what: string): void {
  if (found !== undefined && !equalBytes(found, note)) throw damaged(`${what} is of another rotation`);
}
