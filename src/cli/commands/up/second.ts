import { TallyError } from '../../../core/error.ts';
import type { Context } from '../../context.ts';
import { askRunning } from '../../running.ts';

/** One recorder a log: a second one would wait for the lock, and then say less. Throws LOG_LOCKED. */
export async function refuseSecond(context: Context): Promise<void> {
  const other = await askRunning(context, (ask) => ask('hello', {}));
  if (other?.proxy_url === undefined) return;
  throw new TallyError('LOG_LOCKED', `it runs already: pid ${other.pid}, broker ${other.proxy_url}`, {
    hint: 'use that one, or end it first: tally down; TALLY_HOME=DIR gives another one a log of its own',
  });
}
