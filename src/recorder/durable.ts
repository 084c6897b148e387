/**
 * Tells listeners in this process of entries once they are durable: the live tail, alerts, an index that follows.
 *
 * Nothing here is on the way of an acknowledgement. What was committed is put down, and told in a later turn of the event
 * loop; nobody waits for a listener, and one that throws is told of as a warning and goes on being told of entries.
 */
import { invariant } from '../core/error.ts';
import type { Batch } from './batch.ts';

/** Entries that follow each other, as they are stored. */
export interface DurableLines {
  /** Index of the first of them. */
  readonly first: number;
  readonly count: number;
  /** `count` lines, each ended by "\n". They never change; whoever keeps a part of them keeps all of their memory. */
  readonly bytes: Uint8Array;
}

export type OnDurable = (lines: DurableLines) => void;

export interface Subscription {
  /** The first call is about this index: everything before it is durable, and read from the log. */
  readonly from: number;
  /** Nothing is told from here on. */
  end(): void;
}

export interface DurableFeed {
  /** In the order of the log, without holes and without doubles. */
  subscribe(listener: OnDurable): Subscription;
  /** Entries were committed. Costs nothing while nobody listens. */
  committed(batch: Pick<Batch, 'firstIndex' | 'count' | 'bytes'>): void;
  /** Tells at once what waits to be told. */
  flush(): void;
}

/** `size`: entries that are durable now. */
export function createDurableFeed(size: number, onWarning: (text: string) => void): DurableFeed {
  const listeners = new Set<{ readonly tell: OnDurable; readonly from: number; told: boolean }>();
  let waiting: DurableLines[] = [];
  let scheduled = false;
  /** Everything below was told to all. */
  let next = size;
  let durable = size;

  function flush(): void {
    const batches = waiting;
    waiting = [];
    for (const batch of batches) {
      next = batch.first + batch.count;
      for (const listener of listeners) {
        // It subscribed while another one was told of this batch.
        if (batch.first < listener.from) continue;
        try {
          listener.tell(batch);
        } catch (error) {
          if (listener.told) continue;
          listener.told = true;
          const why = error instanceof Error ? error.message : String(error);
          onWarning(
            `something that follows the log failed at entry ${batch.first}: ${why}; recording goes on (told once)`,
          );
        }
      }
    }
  }

  return {
    flush,
    subscribe(tell) {
      const listener = { tell, from: next, told: false };
      listeners.add(listener);
      return { from: listener.from, end: () => void listeners.delete(listener) };
    },
    committed({ firstIndex: first, count: counted, bytes }) {
      const count = counted();
      invariant(first === durable, 'no batch is missing');
      durable += count;
      if (listeners.size === 0) {
        // Whoever subscribes later finds what waits and this in the log.
        waiting = [];
        next = durable;
        return;
      }
      waiting.push({ first, count, bytes: bytes() });
      if (scheduled) return;
      scheduled = true;
      setImmediate(() => {
        scheduled = false;
        flush();
      });
    },
  };
}
