/**
 * What a session has seen and the recorder has still to be told, in its order and in bounded memory. While nobody records,
 * it waits and is tried again; what has no room, or is still there when the session is over, is lost, and counted.
 */
import type { Event } from '../../core/entry.ts';
import { LIMITS } from '../../core/limits.ts';
import { isOutage } from '../../core/outage.ts';
import type { OpParams } from '../../recorder/ops.ts';

type End = Omit<OpParams<'act.end'>, 'run_token'>;
type Item = { readonly bytes: number } & (
  | { readonly kind: 'event'; readonly event: Event }
  | { readonly kind: 'end'; readonly end: End }
);

export interface QueueOptions {
  readonly end: (end: End) => Promise<unknown>;
  /** Refusals of single events are told by `refused`. */
  readonly record: (events: Event[]) => Promise<unknown>;
  readonly refused: (what: string, error: unknown) => void;
  readonly lost: (count: number) => void;
}

export interface Queue {
  event(event: Event): void;
  end(end: End): void;
  /** Everything that was put in before is durable or lost; waits for `ms` at most, and what is left then is lost. */
  close(ms: number): Promise<void>;
}

const pause = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });

export function createQueue(options: QueueOptions): Queue {
  let items: Item[] = [];
  let pumping: Promise<void> | undefined;
  let lost = 0;
  let over = false;

  function add(item: Item): void {
    if (over || items.length >= LIMITS.mcpBufferEvents) {
      lost++;
      if (over) options.lost(1);
      return;
    }
    items.push(item);
    pumping ??= pump().finally(() => {
      pumping = undefined;
    });
  }

  function next(): readonly Item[] {
    const batch: Item[] = [];
    let bytes = 0;
    for (const item of items) {
      // Ends go side by side, so that they share one flush of the disk.
      if (item.kind !== items[0]?.kind) break;
      bytes += item.bytes;
      if (batch.length > 0 && (batch.length >= LIMITS.recordBatch || bytes > LIMITS.recordBatchBytes)) break;
      batch.push(item);
    }
    return batch;
  }

  /** Throws only when nobody records; sent again, all of it is recorded once. */
  async function send(batch: readonly Item[]): Promise<void> {
    const events = batch.flatMap((item) => (item.kind === 'event' ? [item.event] : []));
    const ends = batch.flatMap((item) => (item.kind === 'end' ? [item.end] : []));
    const settled = await Promise.allSettled([
      ...(events.length === 0 ? [] : [options.record(events)]),
      ...ends.map((end) => options.end(end)),
    ]);
    const failures = settled.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []));
    const outage = failures.find(isOutage);
    if (outage !== undefined) throw outage;
    const what = events[0]?.type ?? 'the end of a call';
    for (const error of failures) options.refused(what, error);
  }

  async function pump(): Promise<void> {
    // The turn of whoever put it in ends first: what follows goes along.
    await Promise.resolve();
    while (items.length > 0) {
      const batch = next();
      try {
        await send(batch);
      } catch {
        // Nobody records: it stays, and is tried again for as long as the session lives.
        if (over) return;
        await pause(LIMITS.mcpRetryMs);
        continue;
      }
      if (over) return;
      items.splice(0, batch.length);
    }
  }

  return {
    event: (event) => add({ kind: 'event', event, bytes: sizeOf(event) }),
    end: (end) => add({ kind: 'end', end, bytes: sizeOf(end) }),
    async close(ms) {
      let timer: NodeJS.Timeout | undefined;
      // Unlike a pause between two tries it keeps the process alive: what waits is to be written.
      const enough = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, ms);
      });
      await Promise.race([pumping, enough]);
      clearTimeout(timer);
      over = true;
      const left = items.length + lost;
      items = [];
      if (left > 0) options.lost(left);
    },
  };
}

const sizeOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value)) + 64;
