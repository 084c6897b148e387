import { connectHandover } from '../capture/handover.ts';
import type { Ask } from '../recorder/ops.ts';
import type { Context } from './context.ts';

/**
 * Asks the writer that runs on this machine; undefined when none does. Never becomes the writer: looking must not
 * start, recover or change anything. `operator`: false where nothing is asked that is the operator's.
 */
export async function askRunning<T>(
  context: Context,
  request: (ask: Ask) => Promise<T>,
  { operator = true }: { readonly operator?: boolean } = {},
): Promise<T | undefined> {
  const link = await connectHandover(context.paths.socket, await context.client('cli', { operator }));
  if (link === undefined) return undefined;
  try {
    return await request(link.ask);
  } finally {
    link.close();
  }
}
