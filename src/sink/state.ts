/** How one destination stands, of what waits and of what was given up. */
import type { DestinationState } from '../core/alert/state.ts';
import type { Destination } from './driver.ts';
import type { Item } from './outbox.ts';

export function stateOf(
  { name, type }: Destination,
  waiting: readonly Item[],
  dead: readonly Item[],
): DestinationState {
  const own = waiting.filter(({ destination }) => destination === name);
  const [worst] = own.filter(({ error }) => error !== undefined).sort((a, b) => b.attempts - a.attempts);
  return {
    name,
    type,
    waiting: own.length,
    undelivered: dead.filter(({ destination }) => destination === name).length,
    ...(worst?.error === undefined
      ? {}
      : {
          failing: {
            message: worst.error,
            attempts: worst.attempts,
            retry_at: new Date(worst.next).toISOString(),
          },
        }),
  };
}
