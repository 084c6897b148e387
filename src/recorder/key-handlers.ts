/** The operator's request to rotate the key. */
import { KEY_ROTATE } from '../core/tlog/key-history.ts';
import { operatorEvent } from './asked.ts';
import type { Handlers } from './ops.ts';
import type { LocalRecorder } from './recorder.ts';

export function keyHandlers(recorder: LocalRecorder): Pick<Handlers, 'key.rotate'> {
  return {
    async 'key.rotate'({ reason }, client) {
      // Not said to come from the client's surface: the entry binds a key, which only the recorder can.
      const event = operatorEvent(KEY_ROTATE, client, { through: client.surface });
      const {
        notErased,
        id,
        index,
        old,
        new: now,
        size,
      } = await recorder.rotateKey({
        ...event,
        outcome: { status: 'started' },
        ...(reason === undefined ? {} : { reason }),
      });
      return {
        id,
        index,
        old,
        new: now,
        size,
        ...(notErased === undefined ? {} : { not_erased: notErased }),
      };
    },
  };
}
