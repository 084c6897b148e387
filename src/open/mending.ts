/** An index that is found damaged while it answers is made again, and the answer goes on where it was. */
import type { Query, RowsOptions } from '../core/query/port.ts';
import type { Row } from '../core/query/row.ts';
import { IndexDamage } from '../index/sqlite/damage.ts';
import type { SqliteQuery } from '../index/sqlite/driver.ts';
import type { LinePlace } from './entry-files.ts';

export interface PlacedQuery extends Query {
  /** Where the line of an entry lies; undefined when it is not in the log. */
  place(index: number): Promise<LinePlace | undefined>;
}

/** `mend`: makes the index again and opens it. Once: what is damaged twice is not the file's fault. */
export function mending(opened: SqliteQuery, mend: () => Promise<SqliteQuery>): PlacedQuery {
  let query = opened;
  let mended = false;

  async function again(error: unknown): Promise<void> {
    if (!(error instanceof IndexDamage) || mended) throw error;
    mended = true;
    await query.close();
    query = await mend();
  }

  async function answered<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      await again(error);
      return ask();
    }
  }

  async function* rows(filter: Parameters<Query['rows']>[0], options: RowsOptions = {}): AsyncGenerator<Row> {
    let left = options.limit ?? Number.POSITIVE_INFINITY;
    let rest = options;
    for (;;) {
      try {
        for await (const row of query.rows(filter, {
          ...rest,
          ...(options.limit === undefined ? {} : { limit: left }),
        })) {
          left--;
          rest =
            options.order === 'oldest' ? { ...options, after: row.index } : { ...options, before: row.index };
          yield row;
        }
        return;
      } catch (error) {
        await again(error);
      }
    }
  }

  return {
    get size() {
      return query.size;
    },
    rows,
    count: (filter) => answered(() => query.count(filter)),
    summary: (filter, by, top) => answered(() => query.summary(filter, by, top)),
    beginningWith: (dimension, prefix, most) => answered(() => query.beginningWith(dimension, prefix, most)),
    indexOf: (id) => answered(() => query.indexOf(id)),
    children: (id) => answered(() => query.children(id)),
    rowOf: (index) => answered(() => query.rowOf(index)),
    malformed: () => answered(() => query.malformed()),
    place: (index) => answered(async () => query.place(index)),
    close: () => query.close(),
  };
}
