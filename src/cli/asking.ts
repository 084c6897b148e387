/** Rows of a log with their entries: found through its index, read from its files. */
import { isDeepStrictEqual } from 'node:util';
import { isTallyError } from '../core/error.ts';
import type { JsonObject } from '../core/json.ts';
import { LIMITS } from '../core/limits.ts';
import { textAt } from '../core/query/fields.ts';
import type { LogFilter } from '../core/query/filter.ts';
import { aloneOf, joinRows, singleOf } from '../core/query/fold.ts';
import type { Row } from '../core/query/row.ts';
import type { Hit } from '../core/query/scan.ts';
import type { OpenedQuery, Stored } from '../open/query.ts';

/** A row that the index knows and the log does not hold, or not as it was indexed. */
export interface Unfit {
  readonly index: number;
  readonly why: string;
}

export interface AskedRow extends Hit {
  readonly row: Row;
}

export interface Asking {
  /** In the order of the question. Rows whose first entry cannot be read are left out and told in `unfit`. */
  rows(): AsyncGenerator<AskedRow>;
  /** After the last row. `some`: the first of them. */
  unfit(): { readonly count: number; readonly some: readonly Unfit[] };
}

/** Entries are fetched for so many rows at once, in the order of the log: neighbours share their blocks. */
const BATCH = 128;

/** `rows` are taken one batch ahead. Memory is flat, whatever their number. */
export function readRows(opened: OpenedQuery, rows: AsyncIterable<Row>): Asking {
  const some: Unfit[] = [];
  let count = 0;

  function tell(index: number, why: string): void {
    count++;
    if (some.length < LIMITS.malformedShown) some.push({ index, why });
  }

  /** The entry, when the log holds what was indexed there. */
  function entryOf(stored: Stored | undefined, index: number): JsonObject | undefined {
    if (stored !== undefined && stored.entry === undefined) tell(index, 'it is no entry any more');
    return stored?.entry;
  }

  async function* fetch(batch: readonly Row[]): AsyncGenerator<AskedRow> {
    const wanted = batch.flatMap(({ index, end }) => (end === undefined ? [index] : [index, end]));
    const held = await holdEntries(
      opened,
      wanted.toSorted((a, b) => a - b),
      tell,
    );
    for (const row of batch) {
      const first = entryOf(held.get(row.index), row.index);
      const last = row.end === undefined ? undefined : entryOf(held.get(row.end), row.end);
      if (first === undefined) continue;
      if (textAt(first, 'id') !== row.id) tell(row.index, 'it is not the entry that was indexed');
      else if ((row.end === undefined || last !== undefined) && !says(row, first, last))
        tell(row.index, 'it says something else than when it was indexed: one of the two was altered');
      const lines = [held.get(row.index), last === undefined ? undefined : held.get(row.end ?? -1)];
      yield {
        row,
        call: last === undefined ? { first } : { first, last },
        lines: lines.flatMap((stored) => (stored === undefined ? [] : [stored.line])),
      };
    }
  }

  return {
    async *rows() {
      let batch: Row[] = [];
      for await (const row of rows) {
        batch.push(row);
        if (batch.length < BATCH) continue;
        yield* fetch(batch);
        batch = [];
      }
      yield* fetch(batch);
    },
    unfit: () => ({ count, some }),
  };
}

/** Whether the entries still say what the row says: an edit that nobody signed shows where it is read, too. */
function says(row: Row, first: JsonObject, last: JsonObject | undefined): boolean {
  const begun = aloneOf(singleOf(first, row.index));
  const now =
    last === undefined || row.end === undefined ? begun : joinRows(begun, aloneOf(singleOf(last, row.end)));
  const names = new Set([...Object.keys(now), ...Object.keys(row)]) as Set<keyof Row>;
  return [...names].every((name) => isDeepStrictEqual(now[name], row[name]));
}

/** One place that cannot be read costs its own entry, not those beside it. */
async function holdEntries(
  opened: OpenedQuery,
  wanted: readonly number[],
  tell: (index: number, why: string) => void,
): Promise<ReadonlyMap<number, Stored>> {
  const held = new Map<number, Stored>();
  let left = wanted;
  while (left.length > 0) {
    try {
      for await (const stored of opened.entries(left)) held.set(stored.index, stored);
      for (const index of left) if (!held.has(index)) tell(index, 'it is not in the log');
      break;
    } catch (error) {
      if (!isTallyError(error)) throw error;
      const broken = left.find((index) => !held.has(index));
      if (broken === undefined) break;
      tell(broken, error.message);
      left = left.filter((index) => index > broken);
    }
  }
  return held;
}

export interface PageOptions {
  readonly filter: LogFilter;
  readonly limit: number;
  /** Only rows whose index is below. */
  readonly before?: number;
  /** Type of rows that are left out, and counted apart. */
  readonly without?: string;
}

export interface Page {
  rows(): AsyncGenerator<AskedRow>;
  /** After the last row. */
  finish(): Promise<PageEnd>;
}

export interface PageEnd {
  /** Rows that match in the whole log. */
  readonly total: number;
  /** What `before` has to be for the rows after these; undefined when there are none. */
  readonly next: number | undefined;
  readonly unfit: ReturnType<Asking['unfit']>;
  /** Rows that match and were left out of all of that for their type. */
  readonly leftOut: number;
}

/** Rows newest first, as many as were asked for. */
export function askPage(opened: OpenedQuery, { filter, limit, before, without }: PageOptions): Page {
  let taken = 0;
  let last: number | undefined;
  let more = false;

  async function* page(): AsyncGenerator<Row> {
    const bounded = Number.isFinite(limit) && without === undefined ? { limit: limit + 1 } : {};
    const found = opened.query.rows(filter, { ...bounded, ...(before === undefined ? {} : { before }) });
    for await (const row of found) {
      if (row.type === without) continue;
      more = taken === limit;
      if (more) return;
      taken++;
      last = row.index;
      yield row;
    }
  }

  const asking = readRows(opened, page());
  return {
    rows: asking.rows,
    async finish() {
      const whole = !more && before === undefined;
      const leftOut = without === undefined ? 0 : await opened.query.count({ ...filter, types: [without] });
      return {
        total: whole ? taken : (await opened.query.count(filter)) - leftOut,
        leftOut,
        next: more ? last : undefined,
        unfit: asking.unfit(),
      };
    },
  };
}
