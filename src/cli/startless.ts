/** Runs that nobody started on the record: of imported sessions, and those whose start was pruned. */
import { LIMITS } from '../core/limits.ts';
import type { LogFilter } from '../core/query/filter.ts';
import type { Query } from '../core/query/port.ts';

/**
 * Newest first, by the first entry of each, which has to match. Undefined when the log has more than `LIMITS.listedRuns`
 * runs: they are compared in memory.
 */
export async function runsWithoutStart(
  query: Query,
  filter: LogFilter,
): Promise<readonly { readonly run: string; readonly first: number }[] | undefined> {
  const runsOf = async (asked: LogFilter) => (await query.summary(asked, ['run'], LIMITS.listedRuns)).by.run;
  const all = await runsOf({});
  const started = await runsOf({ types: ['run.start'] });
  if (all === undefined || started === undefined || all.distinct > LIMITS.listedRuns) return undefined;
  const known = new Set(started.values.map(({ value }) => value));
  const rest = all.values.filter(({ value }) => !known.has(value));
  if (rest.length === 0) return [];
  const isAll = Object.values(filter).every((value) => value === undefined);
  const matching = isAll ? all : await runsOf(filter);
  const firsts = new Map(matching?.values.map(({ value, first }) => [value, first]));
  return rest
    .filter(({ value, first }) => firsts.get(value) === first)
    .map(({ value, first }) => ({ run: value, first }))
    .sort((a, b) => b.first - a.first);
}
