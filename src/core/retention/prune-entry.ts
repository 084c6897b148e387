/**
 * `log.prune` entries: what the recorder says before it removes the beginning of a log, and afterwards. Only what a
 * signature covers counts: behind it, whoever can write the file could have added one.
 */
import { decodeUtf8 } from '../bytes.ts';
import type { Json, JsonObject } from '../json.ts';
import { parseJson } from '../parse.ts';
import { field, isObject, numberAt, textAt } from '../query/fields.ts';
import { TILE_WIDTH } from '../tlog/tile.ts';

export const LOG_PRUNE = 'log.prune';

/** The entries `from` to `to - 1` are about to be removed. */
export interface PruneBegun {
  readonly kind: 'begun';
  readonly index: number;
  readonly id: string;
  readonly ts: string;
  readonly from: number;
  readonly to: number;
  /** SHA-256 (hex) of the object that carries on what is still needed. */
  readonly carried: string;
  /** Root (hex) of the first `to` entries, as the recorder recomputed it from what it removed. */
  readonly root?: string;
  /** Who asked for it: a person, or `configuration`. */
  readonly by?: string;
}

/** What became of it. `aborted`: nothing was removed, and it allows nothing any more. */
export interface PruneEnded {
  readonly kind: 'done' | 'aborted';
  readonly index: number;
  /** Id of the entry that began it. */
  readonly of: string;
}

export type PruneNote = PruneBegun | PruneEnded;

const HASH = /^[0-9a-f]{64}$/;

/** undefined for any other entry: a request that was refused is of the same type, and so is what a stranger wrote. */
export function readPrune(entry: JsonObject): PruneNote | undefined {
  if (textAt(entry, 'type') !== LOG_PRUNE || field(entry, 'decision') !== undefined) return undefined;
  if (textAt(entry, 'source', 'assurance') !== 'enforced') return undefined;
  const index = numberAt(entry, 'index');
  const id = textAt(entry, 'id');
  const status = textAt(entry, 'outcome', 'status');
  if (index === undefined || id === undefined) return undefined;
  const of = textAt(entry, 'parent_id');
  if (status === 'ok' && of !== undefined) return { kind: 'done', index, of };
  if (status === 'aborted' && of !== undefined) return { kind: 'aborted', index, of };
  if (status !== 'started') return undefined;
  const from = numberAt(entry, 'metadata', 'from');
  const to = numberAt(entry, 'metadata', 'to');
  const carried = textAt(entry, 'metadata', 'carried') ?? '';
  const root = textAt(entry, 'metadata', 'root');
  const by = textAt(entry, 'metadata', 'by') ?? textAt(entry, 'actor', 'user', 'id');
  const isRange =
    from !== undefined && to !== undefined && from >= 0 && from < to && to <= index && to % TILE_WIDTH === 0;
  if (!isRange || !HASH.test(carried)) return undefined;
  return {
    kind: 'begun',
    index,
    id,
    ts: textAt(entry, 'ts') ?? '',
    from,
    to,
    carried,
    ...(root !== undefined && HASH.test(root) ? { root } : {}),
    ...(by === undefined ? {} : { by }),
  };
}

/** The end of a canonical entry, in which its type stands. Fields of newer versions may follow it. */
const TAIL_BYTES = 512;
const NEEDLE = `"type":"${LOG_PRUNE}"`;
const QUOTE = 0x22;

/** Whether `bytes[start, end)` may be such an entry. Cheap: for lines of which hardly any is. */
export function mentionsPrune(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = end - NEEDLE.length; at >= Math.max(start, end - TAIL_BYTES); at--) {
    if (bytes[at] !== QUOTE) continue;
    let same = 1;
    while (same < NEEDLE.length && bytes[at + same] === NEEDLE.charCodeAt(same)) same++;
    if (same === NEEDLE.length) return true;
  }
  return false;
}

/** Of a stored line. */
export function pruneIn(line: Uint8Array): PruneNote | undefined {
  try {
    const entry = parseJson(decodeUtf8(line) ?? '') as Json;
    return isObject(entry) ? readPrune(entry) : undefined;
  } catch {
    // No entry: what is wrong with the line is told by who reads them all.
    return undefined;
  }
}

export interface PruneState {
  /** Those that hold, in the order of the log; of very many, the newest. */
  readonly held: readonly PruneBegun[];
  /** The one that goes furthest. */
  readonly last: PruneBegun | undefined;
  /** It has begun, and no entry says that it is done. */
  readonly unfinished: boolean;
}

/** More than an hourly prune makes in a month; older ones only tell a story that newer ones repeat. */
const REMEMBERED = 1_000;

export interface PruneFold {
  see(note: PruneNote): void;
  /** `signed`: entries at or behind it do not count. */
  state(signed: number): PruneState;
  /** Those that begin at or behind that index and were not ended. */
  begunFrom(index: number): readonly PruneBegun[];
}

/** Takes the notes in the order of the log. */
export function foldPrunes(before: readonly PruneNote[] = []): PruneFold {
  let begun: PruneBegun[] = [];
  const ended = new Map<string, PruneEnded>();

  function see(note: PruneNote): void {
    if (note.kind === 'begun') begun = [...begun.slice(1 - REMEMBERED), note];
    // The first end counts: behind one that is signed, anybody with the file can add an `ok` that brings a voided prune
    // back, and nobody undoes what is done.
    else if (!ended.has(note.of) && begun.some(({ id }) => id === note.of)) ended.set(note.of, note);
  }

  for (const note of before) see(note);
  return {
    see,
    begunFrom: (index) => begun.filter((one) => one.index >= index && !ended.has(one.id)),
    state(signed) {
      const isVoid = ({ id }: PruneBegun): boolean => ended.get(id)?.kind === 'aborted';
      const held = begun.filter((one) => one.index < signed && !isVoid(one));
      const last = held.reduce<PruneBegun | undefined>(
        (most, one) => (one.to >= (most?.to ?? 0) ? one : most),
        undefined,
      );
      return { held, last, unfinished: last !== undefined && ended.get(last.id)?.kind !== 'done' };
    },
  };
}
