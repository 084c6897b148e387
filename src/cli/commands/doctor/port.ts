/** Whether the broker's port can be had, while no broker of ours has it. */
import { createServer } from 'node:net';
import { isTallyError } from '../../../core/error.ts';
import type { Context } from '../../context.ts';
import { choosePort } from '../../port.ts';
import { portOwner } from '../../port-owner.ts';
import { type Check, fail, ok, warn } from './check.ts';

export async function checkPort(context: Context): Promise<Check> {
  let port: number;
  try {
    port = choosePort(context);
  } catch (error) {
    if (!isTallyError(error)) throw error;
    return fail('port', error.message, error.hint ?? 'unset TALLY_PORT');
  }
  if (port === 0) return ok('port', 'any free one');
  const problem = await tryPort(port);
  if (problem === undefined) return ok('port', `${port} of 127.0.0.1 is free`);
  const owner = portOwner(port);
  const by = owner === undefined ? '' : ` by pid ${owner.pid} (${owner.command})`;
  return problem === 'EADDRINUSE'
    ? warn('port', `${port} of 127.0.0.1 is taken${by}`, `TALLY_PORT=${port + 1} tally up`)
    : fail('port', `${port} of 127.0.0.1 cannot be listened on (${problem})`, 'TALLY_PORT=9000 tally up');
}

function tryPort(port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error) => resolve('code' in error ? String(error.code) : error.message));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(undefined)));
  });
}
