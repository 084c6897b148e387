/** Many events one after the other: each gets its place before the next is begun, and all wait for the disk together. */
import type { Event } from '../core/entry.ts';
import { isTallyError, type TallyError } from '../core/error.ts';
import type { Receipt } from './api.ts';

export type Recorded =
  | { readonly receipt: Receipt /** Its id had this place before. */; readonly known: boolean }
  | { readonly refused: TallyError };

/** `record` calls `turn` at the moment at which its event gets its place. */
export async function inOrder(
  events: readonly Event[],
  record: (event: Event, turn: (known: boolean) => void) => Promise<Receipt>,
): Promise<readonly Recorded[]> {
  const ends: Promise<Recorded>[] = [];
  for (const event of events) {
    await new Promise<void>((next) => {
      let known = false;
      const end = record(event, (found) => {
        known = found;
        next();
      })
        .then((receipt): Recorded => ({ receipt, known }), refusal)
        .finally(next);
      // Looked at below, all together: until then nobody waits for it.
      end.catch(() => undefined);
      ends.push(end);
    });
  }
  return Promise.all(ends);
}

/** What is wrong with one event is an answer; a log that cannot be written is a failure of all. */
function refusal(error: unknown): Recorded {
  if (isTallyError(error) && (error.code === 'BAD_EVENT' || error.code === 'ENTRY_TOO_LARGE'))
    return { refused: error };
  throw error;
}
