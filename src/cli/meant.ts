/** Ids of runs are long to type: the beginning of one names it where no other run begins so. */
import { TallyError } from '../core/error.ts';
import type { LogFilter } from '../core/query/filter.ts';
import type { Query } from '../core/query/port.ts';

/** Of runs that share a beginning, some are named. */
const NAMED = 3;

/** A run that is in the log; what was written itself where none is meant. Errors: `USAGE` when several are. */
export async function runMeant(query: Query, written: string): Promise<string> {
  if (written === '' || (await query.count({ run: written })) > 0) return written;
  const [first, ...others] = await query.beginningWith('run', written, NAMED + 1);
  if (first === undefined) return written;
  if (others.length === 0) return first;
  const named = [first, ...others].slice(0, NAMED).join(', ');
  throw new TallyError('USAGE', `several runs begin with ${written}`, {
    hint: `write more of it: ${named}${others.length >= NAMED ? ' and more' : ''}`,
  });
}

export async function withRunMeant(query: Query, filter: LogFilter): Promise<LogFilter> {
  return filter.run === undefined ? filter : { ...filter, run: await runMeant(query, filter.run) };
}
