/**
 * Answers by looking at every row. For tests, as the answer that other drivers have to give, and for small logs; memory
 * and time grow with the log.
 */
import type { JsonObject } from '../core/json.ts';
import { LIMITS } from '../core/limits.ts';
import { textAt } from '../core/query/fields.ts';
import { type LogFilter, matches } from '../core/query/filter.ts';
import { aloneOf, place, type Single, singleOf } from '../core/query/fold.ts';
import type { Dimension, Query, RowsOptions, Summary } from '../core/query/port.ts';
import { isToldElsewhere, type Row } from '../core/query/row.ts';
import { addTo, finishSums, newSums, valuesOf } from '../core/query/sums.ts';
import { entryWords, wordsIn } from '../core/query/words.ts';

interface Held {
  readonly single: Single;
  readonly words: ReadonlySet<string>;
}

export interface MemoryIndex {
  /** The next entry of the log; undefined for a line that is none. */
  add(entry: JsonObject | undefined): void;
  readonly query: Query;
}

export function memoryIndex(): MemoryIndex {
  let size = 0;
  const entries: (Held | undefined)[] = [];
  const byId = new Map<string, number>();
  const children = new Map<string, number[]>();
  /** By the index of their first entry. */
  const rows = new Map<number, Row>();
  /** Whose end the entry at that index is. */
  const callOf = new Map<number, number>();
  const malformed = { count: 0, first: [] as number[] };

  function add(entry: JsonObject | undefined): void {
    const index = size++;
    if (entry === undefined) {
      malformed.count++;
      if (malformed.first.length < LIMITS.malformedShown) malformed.first.push(index);
      return;
    }
    const single = singleOf(entry, index);
    entries[index] = { single, words: entryWords(entry) };
    const { row, ends } = place(single, (id) => entries[byId.get(id) ?? -1]?.single);
    const id = textAt(entry, 'id');
    // The first that says an id has it.
    if (id !== undefined && !byId.has(id)) byId.set(id, index);
    if (single.parent !== undefined)
      children.set(single.parent, [...(children.get(single.parent) ?? []), index]);
    if (ends === undefined) {
      rows.set(index, row);
      return;
    }
    const before = rows.get(ends)?.end;
    if (before !== undefined) alone(before);
    callOf.set(index, ends);
    rows.set(ends, row);
  }

  function alone(index: number): void {
    callOf.delete(index);
    const held = entries[index];
    if (held === undefined) return;
    rows.set(index, aloneOf(held.single));
  }

  function* found(filter: LogFilter, { order = 'newest', limit, before, after }: RowsOptions = {}) {
    const words = filter.text === undefined ? [] : wordsIn(filter.text);
    let left = limit ?? Number.POSITIVE_INFINITY;
    for (let step = 0; step < size && left > 0; step++) {
      const index = order === 'newest' ? size - 1 - step : step;
      const row = rows.get(index);
      if (row === undefined || isToldElsewhere(row) || (before !== undefined && index >= before)) continue;
      if ((after !== undefined && index <= after) || !matches(row, filter)) continue;
      const own = entries[index]?.words;
      const ended = row.end === undefined ? undefined : entries[row.end]?.words;
      if (!words.every((word) => own?.has(word) === true || ended?.has(word) === true)) continue;
      left--;
      yield row;
    }
  }

  return {
    add,
    query: {
      get size() {
        return size;
      },
      async *rows(filter, options) {
        yield* found(filter, options);
      },
      async count(filter) {
        let count = 0;
        for (const _row of found(filter)) count++;
        return count;
      },
      async summary(filter: LogFilter, by: readonly Dimension[], top: number): Promise<Summary> {
        const sums = newSums(by);
        for (const row of found(filter, { order: 'oldest' })) addTo(sums, row);
        return finishSums(sums, top);
      },
      async beginningWith(dimension, prefix, most) {
        const values = new Set<string>();
        for (const row of [...rows.values()].filter((one) => !isToldElsewhere(one)))
          for (const value of valuesOf(row, dimension)) if (value.startsWith(prefix)) values.add(value);
        return [...values].slice(0, most);
      },
      indexOf: async (id) => byId.get(id),
      children: async (id) => children.get(id) ?? [],
      rowOf: async (index) => rows.get(callOf.get(index) ?? index),
      malformed: async () => ({ count: malformed.count, first: [...malformed.first] }),
      close: async () => undefined,
    },
  };
}
