/** Where `tally up` answers over HTTP, besides the broker. */
import { TallyError } from '../core/error.ts';
import type { Context } from './context.ts';

const DEFAULT_PORT = 7700;

/** TALLY_UI_PORT, or 7700. 0: any free port. */
export function uiPort({ env }: Pick<Context, 'env'>): number {
  const text = env.TALLY_UI_PORT;
  if (text === undefined || text === '') return DEFAULT_PORT;
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port <= 65_535) return port;
  throw new TallyError('BAD_CONFIG', `TALLY_UI_PORT is not a port: ${text}`, {
    hint: 'a number from 0 (any) to 65535',
  });
}
