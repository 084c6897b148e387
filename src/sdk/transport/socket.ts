/** The recorder that runs on this machine, over its hand-over socket. */
import { connectHandover } from '../../capture/handover.ts';
import { TallyError } from '../../core/error.ts';
import type { Client } from '../../recorder/ops.ts';
import type { Tell } from '../../recorder/told.ts';
import type { Link } from './asking.ts';

/** Undefined when no recorder listens there. */
export async function openSocket(path: string, client: Client, tell?: Tell): Promise<Link | undefined> {
  const socket = await connectHandover(path, client, {
    quiet: true,
    ...(tell === undefined ? {} : { tell }),
  });
  if (socket === undefined) return undefined;
  return {
    ask: socket.ask,
    closed: socket.closed,
    last: (params) => socket.last([{ op: 'run.last', params }]),
    async close() {
      socket.close();
      await socket.closed;
    },
  };
}

export function noRecorder(path: string): TallyError {
  return new TallyError('RECORDER_UNAVAILABLE', `no recorder listens on ${path}`, {
    hint: 'start one: tally up',
  });
}
