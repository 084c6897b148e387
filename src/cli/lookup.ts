/** Single entries of a log that is open for questions. The index says where; what counts is what stands there. */
import type { JsonObject } from '../core/json.ts';
import { textAt } from '../core/query/fields.ts';
import type { LogFilter } from '../core/query/filter.ts';
import type { RowsOptions } from '../core/query/port.ts';
import type { Row } from '../core/query/row.ts';
import type { OpenedQuery } from '../open/query.ts';

export interface Placed {
  readonly index: number;
  readonly entry: JsonObject;
}

/** Those that are there, in the order of the log. */
export async function entriesAt(
  opened: Pick<OpenedQuery, 'entries'>,
  indices: readonly number[],
): Promise<readonly Placed[]> {
  const found: Placed[] = [];
  for await (const { index, entry } of opened.entries([...new Set(indices)].sort((a, b) => a - b)))
    if (entry !== undefined) found.push({ index, entry });
  return found;
}

/** undefined also when another entry stands where the index says. */
export async function entryById(opened: OpenedQuery, id: string): Promise<Placed | undefined> {
  const index = await opened.query.indexOf(id);
  const [found] = index === undefined ? [] : await entriesAt(opened, [index]);
  return found !== undefined && textAt(found.entry, 'id') === id ? found : undefined;
}

/** The entries whose parent it is, oldest first, at most `most` of them. */
export async function childrenOf(
  opened: OpenedQuery,
  id: string,
  most: number,
): Promise<{ readonly count: number; readonly some: readonly Placed[] }> {
  const indices = await opened.query.children(id);
  const some = await entriesAt(opened, indices.slice(0, most));
  return { count: indices.length, some: some.filter(({ entry }) => textAt(entry, 'parent_id') === id) };
}

/** How long a run took: as its end says, which knows when the program began and ended, else by the times of its entries. */
export function runTookMs(
  started: string | undefined,
  end: Pick<Row, 'ts' | 'durationMs' | 'status'> | undefined,
): number | undefined {
  if (end?.durationMs !== undefined) return end.durationMs;
  // Nobody saw it end: when that was noted says nothing of how long it took.
  if (end?.status === 'unknown') return undefined;
  const ms = Date.parse(end?.ts ?? '') - Date.parse(started ?? '');
  return ms >= 0 ? ms : undefined;
}

/** The first row of the answer. */
export async function oneRow(
  { query }: OpenedQuery,
  filter: LogFilter,
  options: Omit<RowsOptions, 'limit'> = {},
): Promise<Row | undefined> {
  for await (const row of query.rows(filter, { ...options, limit: 1 })) return row;
  return undefined;
}
