/** Answers from the index file, as it is when this is opened: one view for all answers, whatever is written meanwhile. */

import type { DatabaseSync } from 'node:sqlite';
import { setImmediate } from 'node:timers/promises';
import type { LogFilter } from '../../core/query/filter.ts';
import type { Query, RowsOptions } from '../../core/query/port.ts';
import type { Row } from '../../core/query/row.ts';
import { IndexDamage } from './damage.ts';
import { asDamage, guarded, openDatabase, readState, type State } from './database.ts';
import { conditionsOf, keyNumber } from './keys.ts';
import { createLookup } from './lookup.ts';
import type { Place } from './piece.ts';
import { type Bits, BLOCK_ROWS, countBits, intersect, placesIn } from './positions.ts';
import { createSets } from './select.ts';
import { summarize } from './summary.ts';
import { createWindows } from './window.ts';

export interface SqliteQuery extends Query {
  readonly state: State;
  /** Where the line of an entry lies; undefined when it is not in the log. */
  place(index: number): Place | undefined;
}

/** Blocks between two looks at what else the process has to do. */
const BLOCKS_IN_A_ROW = 8;

export function openSqliteQuery(path: string): SqliteQuery {
  const database = openDatabase(path);
  try {
    // A transaction that only reads keeps its view until it ends.
    database.exec('BEGIN');
    const state = readState(database);
    if (state === undefined) throw new IndexDamage('it does not say what it reflects');
    return queryOf(database, state);
  } catch (error) {
    database.close();
    throw asDamage(error) ?? error;
  }
}

function queryOf(database: DatabaseSync, state: State): SqliteQuery {
  const lookup = createLookup(database, state.seed);
  const sets = createSets(database, state.seed, lookup);
  const windows = createWindows(database, lookup);

  function* found(
    filter: LogFilter,
    { order = 'newest', before, after }: RowsOptions,
  ): Generator<[number, Bits]> {
    const windowed = windows(filter);
    const conditions = conditionsOf(filter);
    const lowest = after === undefined ? 0 : Math.floor((after + 1) / BLOCK_ROWS);
    const highest = before === undefined ? Number.POSITIVE_INFINITY : Math.floor((before - 1) / BLOCK_ROWS);
    const blocks = windowed.blocks.filter((block) => block >= lowest && block <= highest);
    for (const block of order === 'newest' ? blocks.toReversed() : blocks) {
      const met = sets.meeting(block, conditions);
      const window = met === undefined ? undefined : windowed.bits(block);
      if (met === undefined || window === undefined) continue;
      const bits = window === 'all' ? met : intersect(met, window);
      if (bits !== undefined) yield [block, bits];
    }
  }

  async function* rows(filter: LogFilter, options: RowsOptions = {}): AsyncGenerator<Row> {
    const { order = 'newest', limit = Number.POSITIVE_INFINITY, before, after } = options;
    let left = limit;
    if (left <= 0) return;
    for (const [block, bits] of guardedEach(found(filter, options))) {
      for (const at of placesIn(bits, order === 'newest')) {
        const index = block * BLOCK_ROWS + at;
        if ((before !== undefined && index >= before) || (after !== undefined && index <= after)) continue;
        const row = guarded(() => lookup.rowAt(index));
        if (row === undefined) throw new IndexDamage(`entry ${index} has no row`);
        yield row;
        if (--left <= 0) return;
      }
    }
  }

  return {
    size: state.size,
    state,
    rows,
    async count(filter) {
      let count = 0;
      let blocks = 0;
      for (const [, bits] of guardedEach(found(filter, {}))) {
        count += countBits(bits);
        if (++blocks % BLOCKS_IN_A_ROW === 0) await setImmediate();
      }
      return count;
    },
    summary: async (filter, by, top) =>
      guarded(() => summarize({ database, sets, lookup, windowed: windows(filter) }, filter, by, top)),
    beginningWith: async (dimension, prefix, most) =>
      guarded(() => sets.beginningWith(windows({}).blocks, keyNumber[dimension], prefix, most)),
    indexOf: async (id) => guarded(() => lookup.byId(id)?.index),
    children: async (id) => guarded(() => lookup.children(id)),
    rowOf: async (index) =>
      guarded(() => {
        const own = lookup.single(index);
        if (own === undefined) return undefined;
        const first =
          own.phase === 'post_exec' && own.parent !== undefined ? lookup.byId(own.parent) : undefined;
        return lookup.rowAt(first !== undefined && lookup.endOf(first.index) === index ? first.index : index);
      }),
    malformed: async () => state.malformed,
    place: (index) => guarded(() => lookup.place(index)),
    close: async () => database.close(),
  };
}

function* guardedEach<T>(source: Generator<T>): Generator<T> {
  for (;;) {
    const step = guarded(() => source.next());
    if (step.done === true) return;
    yield step.value;
  }
}
