/** Opens a log for questions. */
import type { OpenedQuery } from '../open/query.ts';
import type { Context } from './context.ts';

/** `log`: another log directory. A log that is not there is said to be missing before anything is made for its index. */
export async function openAsked(context: Context, log: string | undefined): Promise<OpenedQuery> {
  const choice = log === undefined ? {} : { log };
  const opened = await context.openReader(choice);
  if ((await opened.reader.segments()).length === 0) await opened.logInfo();
  return context.openQuery(choice);
}
