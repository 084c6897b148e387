/** What a client reports of what it did itself. */
import type { Handlers } from './ops.ts';
import type { LocalRecorder } from './recorder.ts';
import type { Prepare } from './reported.ts';

export function recordHandlers(recorder: LocalRecorder, prepare: Prepare): Pick<Handlers, 'record'> {
  return {
    async record({ event }, client) {
      const claims = client.run_token === undefined ? {} : { run_token: client.run_token };
      const prepared = await prepare(event, client, claims);
      return recorder.record(prepared.event, prepared.producer);
    },
  };
}
