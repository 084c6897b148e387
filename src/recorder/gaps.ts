/** Nothing could be recorded for a while, and things were done all the same: whoever did them says so afterwards. */
import { actorOf, said } from './asked.ts';
import type { Handlers } from './ops.ts';
import type { LocalRecorder } from './recorder.ts';

export function gapHandlers(recorder: LocalRecorder): Pick<Handlers, 'gap.report'> {
  return {
    async 'gap.report'({ id, ...metadata }, client) {
      const receipt = await recorder.record(
        {
          id,
          type: 'log.gap',
          phase: 'point',
          actor: actorOf(client),
          // Nobody else saw it.
          quality: { ...said(client), metadata: 'asserted' },
          metadata: { ...metadata, ungoverned: true },
        },
        { surface: client.surface, assurance: 'self_reported' },
      );
      return { id: receipt.id };
    },
  };
}
