/** The terminal, or the supervisor's log, of `tally up`: one line an alert. */
import type { Destination, Message } from './driver.ts';
import { OWN_DESTINATION } from './setting.ts';

export type WriteAlert = (message: Message) => void;

export function createStderr(write: WriteAlert): Destination {
  return {
    name: OWN_DESTINATION,
    type: 'stderr',
    async deliver(message) {
      write(message);
    },
  };
}
