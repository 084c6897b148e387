/** Exports read what a prune may be removing. That is no damage, and what came out is not what was asked for. */
import { TallyError } from '../../core/error.ts';
import type { OpenedQuery } from '../../open/query.ts';

/**
 * `holed`: whether something that is in the index could not be read. Throws `INTERRUPTED` where that, or a failure of
 * `work`, comes with a log that begins later now than its index.
 */
export async function besidePrunes<T>(
  { query, opened }: OpenedQuery,
  work: () => Promise<T>,
  holed: (done: T) => boolean = () => false,
): Promise<T> {
  let before = query.size;
  for await (const { index } of query.rows({}, { order: 'oldest', limit: 1 })) before = index;

  async function pruned(cause?: unknown): Promise<TallyError | undefined> {
    const first = (await opened.reader.segments())[0]?.first ?? 0;
    if (first <= before) return undefined;
    return new TallyError('INTERRUPTED', `the entries before ${first} were pruned while they were exported`, {
      hint: 'run it again: the export is then of what is left; `tally log list --type log.prune` shows who pruned',
      ...(cause === undefined ? {} : { cause }),
    });
  }

  let done: T;
  try {
    done = await work();
  } catch (error) {
    throw (await pruned(error)) ?? error;
  }
  if (!holed(done)) return done;
  const why = await pruned();
  if (why !== undefined) throw why;
  return done;
}
