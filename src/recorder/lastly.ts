/**
 * The last moment of the process that records: nothing that waits for the event loop happens any more. What is said then
 * goes through the same sequencer to the same files, and the writer is over.
 */
import type { Event } from '../core/entry.ts';
import { isTallyError } from '../core/error.ts';
import type { Producer } from './api.ts';
import type { IdMemory } from './ids.ts';
import { type Pending, unknownEnd } from './pending.ts';
import type { Sequencer } from './sequencer.ts';

export interface LastEvent {
  readonly event: Event;
  readonly producer: Producer;
}

export interface Lastly {
  /**
   * Durable, in their order, when it gives true; a payload is left out, which its entry says. One that is refused does not
   * keep the others back. False: nothing may be assumed, and whoever asks leaves word elsewhere. After it this recorder
   * takes nothing but this.
   */
  record(events: readonly LastEvent[]): boolean;
  /** Ends what is open as unknown, and writes log.close. Nothing signs it: the next start does. */
  close(reason: string): boolean;
}

export function createLastly(options: {
  readonly pending: Pending;
  readonly ids: IdMemory;
  readonly sequencer: Sequencer;
  readonly flushNow: () => boolean;
  readonly isClosing: () => boolean;
  readonly own: Producer;
}): Lastly {
  const { pending, ids, sequencer, own } = options;

  function sequence({ event, producer }: LastEvent): void {
    // It was on its way when the process ended, and has its place.
    if (event.id !== undefined && ids.find(event.id) !== undefined) return;
    try {
      sequencer.sequence(withoutPayload(event), producer);
    } catch (error) {
      // As when it is refused at any other time: it takes no place.
      if (!isTallyError(error)) throw error;
    }
  }

  function record(events: readonly LastEvent[]): boolean {
    // Nothing comes after log.close.
    if (options.isClosing()) return false;
    events.forEach(sequence);
    return options.flushNow();
  }

  return {
    record,
    close(reason) {
      const open = pending.list().map((action) => ({
        event: unknownEnd(action, 'the process that recorded it ended before the action did'),
        producer: { surface: action.surface, assurance: 'observed' } as const,
      }));
      const closed = { type: 'log.close', phase: 'point', metadata: { reason } } as const;
      return record([...open, { event: closed, producer: own }]);
    },
  };
}

/** Its key and its place in the pack take steps that nobody waits for any more. */
function withoutPayload({ payload, ...event }: Event): Event {
  if (payload === undefined) return event;
  const left = { count: 1, places: ['/: all of it, since the process ended'] };
  return { ...event, metadata: { ...event.metadata, payload_left_out: left } };
}
