import { TallyError } from '../core/error.ts';
import { loadConfig } from '../open/config.ts';
import type { Context } from './context.ts';

const DEFAULT_PORT = 8765;

/** Where the broker of `tally up` listens: TALLY_PORT, the machine's configuration, 8765. 0: any free port. */
export function choosePort({ env, paths }: Pick<Context, 'env' | 'paths'>): number {
  const text = env.TALLY_PORT;
  if (text === undefined || text === '') return loadConfig(paths.configFile).port ?? DEFAULT_PORT;
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port <= 65_535) return port;
  throw new TallyError('BAD_CONFIG', `TALLY_PORT is not a port: ${text}`, {
    hint: 'a number from 0 (any) to 65535',
  });
}
