/**
 * Takes out of the index what was pruned from its log, so that a large one need not be made again each time. What the
 * entries said is overwritten, not only let go of.
 */
import type { DatabaseSync } from 'node:sqlite';
import { LIMITS } from '../../core/limits.ts';
import { aloneOf, type Single } from '../../core/query/fold.ts';
import { isToldElsewhere, type Row } from '../../core/query/row.ts';
import { entryWords } from '../../core/query/words.ts';
import { type Changes, createChanges } from './changes.ts';
import { guarded, inTransaction, type State, writeState } from './database.ts';
import { pruneTimes } from './entries.ts';
import { slotOf } from './keys.ts';
import { createLookup, type Lookup } from './lookup.ts';
import { PIECE_ENTRIES } from './piece.ts';
import { BLOCK_ROWS } from './positions.ts';
import { rareSlot } from './rare.ts';
import type { WriterOptions } from './writer.ts';

interface Pruning {
  readonly database: DatabaseSync;
  readonly lookup: Lookup;
  readonly state: State;
  /** The oldest entry that is left. */
  readonly from: number;
  readonly entryAt: WriterOptions['entryAt'];
}

/** Undefined when the index has to be made again instead; it is as it was then. The caller alone writes it. */
export async function pruneIndex(
  database: DatabaseSync,
  { state, entryAt }: WriterOptions,
  from: number,
): Promise<State | undefined> {
  if (from <= state.from || from >= state.size || from % PIECE_ENTRIES !== 0) return undefined;
  const pruning = { database, lookup: createLookup(database, state.seed), state, from, entryAt };
  if (hasDoubles(pruning)) return undefined;
  const malformed = malformedLeft(pruning);
  const { changes, edge } = await rowsLeft(pruning);
  const next: State = { ...state, from, malformed };
  guarded(() => {
    database.exec('PRAGMA secure_delete = ON');
    inTransaction(database, () => {
      const block = Math.ceil(edge / BLOCK_ROWS);
      const remove = (sql: string, below: number): void => void database.prepare(sql).run(below);
      for (const table of ['post', 'tally']) remove(`DELETE FROM ${table} WHERE slot < ?`, slotOf(block, 0));
      remove('DELETE FROM rare WHERE slot < ?', rareSlot(block));
      remove('DELETE FROM piece WHERE no < ?', from / PIECE_ENTRIES);
      remove('DELETE FROM ids WHERE entry < ?', from);
      remove('DELETE FROM parents WHERE entry < ?', from);
      remove('DELETE FROM ends WHERE first < ?', from);
      pruneTimes(database, from);
      changes.write(database, Number.POSITIVE_INFINITY);
      writeState(database, next);
    });
    // The write-ahead log holds old pages too.
    database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  });
  return next;
}

function malformedLeft({ lookup, state, from }: Pruning): State['malformed'] {
  const isMalformed = (index: number): boolean =>
    lookup.place(index) !== undefined && lookup.single(index) === undefined;
  const known = state.malformed.first;
  let gone = 0;
  if (state.malformed.count > 0)
    for (let index = state.from; index < from; index++) if (isMalformed(index)) gone++;
  const count = state.malformed.count - gone;
  const first = known.filter((index) => index >= from);
  // Of more than are listed, others are the oldest now.
  const wanted = Math.min(count, LIMITS.malformedShown);
  for (
    let index = Math.max(from, (known.at(-1) ?? -1) + 1);
    first.length < wanted && index < state.size;
    index++
  )
    if (isMalformed(index)) first.push(index);
  return { count, first };
}

/** Whether an id that was pruned is said again by an entry that is left: it has the id then, and calls may change. */
function hasDoubles({ database, lookup, from }: Pruning): boolean {
  const pruned = database.prepare('SELECT key, entry FROM ids WHERE entry < ?');
  const left = database.prepare('SELECT entry FROM ids WHERE key = ? AND entry >= ?');
  for (const { key, entry } of pruned.iterate(from)) {
    for (const other of left.all(Number(key), from))
      if (lookup.single(Number(other.entry))?.id === lookup.single(Number(entry))?.id) return true;
  }
  return false;
}

/**
 * The rows of the block in which the log begins now, which is written anew up to `edge`; and the ends behind it whose
 * beginnings are gone, which are rows of their own from now on.
 */
async function rowsLeft(pruning: Pruning): Promise<{ readonly changes: Changes; readonly edge: number }> {
  const { database, lookup, state, from } = pruning;
  const changes = createChanges(state.seed);
  const loose = new Set(
    database
      .prepare('SELECT last FROM ends WHERE first < ? AND last >= ?')
      .all(from, from)
      .map(({ last }) => Number(last)),
  );
  const edge = Math.min(Math.ceil(from / BLOCK_ROWS) * BLOCK_ROWS, state.size);
  for (let index = from; index < edge; index++) {
    const own = lookup.single(index);
    if (own === undefined) continue;
    if (loose.delete(index)) await put(pruning, changes, aloneOf(own));
    else if (!isPartOfAnother(lookup, own)) await put(pruning, changes, lookup.rowAt(index));
  }
  for (const index of [...loose].sort((a, b) => a - b)) {
    const own = lookup.single(index);
    if (own !== undefined) await put(pruning, changes, aloneOf(own));
  }
  return { changes, edge };
}

function isPartOfAnother(lookup: Lookup, own: Single): boolean {
  const first = own.phase === 'post_exec' && own.parent !== undefined ? lookup.byId(own.parent) : undefined;
  return first !== undefined && lookup.endOf(first.index) === own.index;
}

async function put({ lookup, entryAt }: Pruning, changes: Changes, row: Row | undefined): Promise<void> {
  if (row === undefined || isToldElsewhere(row)) return;
  changes.row(row, undefined);
  for (const index of row.end === undefined ? [row.index] : [row.index, row.end]) {
    const entry = await entryAt(index, lookup.place(index));
    if (entry !== undefined) changes.words(row.index, entryWords(entry));
  }
}
