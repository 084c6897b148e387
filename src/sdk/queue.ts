/**
 * What a run still has to hand over, in its order, in bounded memory. Whoever awaits an item goes on when it is durable;
 * whoever does not is never held up. While nobody records, items wait and are tried again; what has no room, or is still
 * there when the run is over, is lost, and counted.
 */
import type { Event } from '../core/entry.ts';
import { LIMITS } from '../core/limits.ts';
import { isOutage } from '../core/outage.ts';
import type { BatchResult } from '../recorder/act-ops.ts';
import type { ActEnd, RecorderClient, StartedRun } from './client.ts';
import { mayPass } from './errors.ts';
import type { Room } from './room.ts';

/** Of one item: `receipt` when it is durable, `refused` when the recorder does not take it. */
export type Handed = BatchResult | { readonly lost: string };

type Item = { readonly bytes: number; readonly settle: (handed: Handed) => void } & (
  | { readonly kind: 'event'; readonly event: Event }
  | { readonly kind: 'end'; readonly end: ActEnd }
);

export interface QueueOptions {
  readonly client: RecorderClient;
  readonly run: StartedRun;
  /** Shared by all runs of one recorder client. */
  readonly room: Room;
  /** Something of this run will never be in the log. */
  readonly onLost: (what: string, why: string) => void;
  /** Nothing can be recorded now; and later: it can be again. */
  readonly onOutage: (error: unknown) => void;
  readonly onBack: () => void;
  /** Everything was handed over. */
  readonly onEmpty: () => void;
  readonly pause: (ms: number) => Promise<void>;
}

export interface Queue {
  /** Why nothing more is taken; undefined while there is room. Asked before an event is made. */
  full(): string | undefined;
  /** Settles when it is known what became of it. Never rejects. */
  push(event: Event): Promise<Handed>;
  /** Always taken: there are no more of them than actions under way, and each of those has been let through. */
  end(end: ActEnd): Promise<Handed>;
  /** Resolves when everything that was pushed before has been handed over or lost. */
  idle(): Promise<void>;
  /** The same of the events that were pushed before: what ends meanwhile does not hold up what begins. */
  told(): Promise<unknown>;
  readonly waiting: () => number;
  /** Takes out what is left: it is the caller's from now on. */
  drain(): { readonly events: readonly Event[]; readonly ends: readonly ActEnd[] };
  /** What is left is lost. */
  give(why: string): void;
}

export function createQueue(options: QueueOptions): Queue {
  const { client, run, room } = options;
  const items: Item[] = [];
  let pumping: Promise<void> | undefined;
  let isDown = false;
  let given: string | undefined;
  let lastEvent: Promise<unknown> = Promise.resolve();

  function add(item: Item, what: string): void {
    if (given !== undefined) {
      options.onLost(what, given);
      item.settle({ lost: given });
      return;
    }
    room.take(item.bytes);
    items.push(item);
    pumping ??= pump();
  }

  function take(count: number): readonly Item[] {
    const taken = items.splice(0, count);
    for (const { bytes } of taken) room.give(bytes);
    return taken;
  }

  /** Items that go together: events that follow each other, in one request; or ends, each in its own. */
  function nextBatch(): readonly Item[] {
    const kind = items[0]?.kind;
    const batch: Item[] = [];
    let bytes = 0;
    for (const item of items) {
      bytes += item.bytes;
      if (item.kind !== kind) break;
      if (batch.length > 0 && (batch.length >= LIMITS.recordBatch || bytes > LIMITS.recordBatchBytes)) break;
      batch.push(item);
    }
    return batch;
  }

  async function send(batch: readonly Item[]): Promise<readonly Handed[]> {
    const events = batch.flatMap((item) => (item.kind === 'event' ? [item.event] : []));
    if (events.length > 0) return client.record(run, events);
    // Side by side, so that they share a flush; sent again, each is recorded once.
    const ends = batch.flatMap((item) => (item.kind === 'end' ? [item.end] : []));
    return Promise.all(ends.map(endOne));
  }

  async function endOne(end: ActEnd): Promise<Handed> {
    try {
      await client.end(run, end);
      return { id: end.end_id, index: -1, ts: '' };
    } catch (error) {
      if (isOutage(error)) throw error;
      return refusal(error);
    }
  }

  async function pump(): Promise<void> {
    try {
      // The turn of whoever pushed ends first: what it pushes next goes along.
      await Promise.resolve();
      while (items.length > 0) if (!(await pumped())) return;
    } finally {
      // In the turn in which nothing was left: who pushes next has to find nobody pumping.
      pumping = undefined;
    }
    options.onEmpty();
  }

  /** Hands over what comes next, or waits a while. False: it is not ours any more. */
  async function pumped(): Promise<boolean> {
    const batch = nextBatch();
    let handed: readonly Handed[];
    try {
      handed = await send(batch);
    } catch (error) {
      if (given !== undefined) return false;
      if (isOutage(error)) {
        isDown = true;
        options.onOutage(error);
        await options.pause(mayPass(error) ? LIMITS.sdkRetryEveryMs : 10 * LIMITS.sdkRetryEveryMs);
        return true;
      }
      handed = batch.map(() => refusal(error));
    }
    if (isDown) {
      isDown = false;
      options.onBack();
    }
    // It may have been drained meanwhile: then others settle it.
    if (items[0] !== batch[0]) return false;
    take(batch.length).forEach((item, i) => {
      const one = handed[i] ?? { lost: 'no answer' };
      if ('refused' in one) options.onLost(whatOf(item), `${one.refused.code}: ${one.refused.message}`);
      item.settle(one);
    });
    return true;
  }

  return {
    full: () => given ?? room.full(),
    push(event) {
      const handed = new Promise<Handed>((settle) => {
        add({ kind: 'event', event, bytes: sizeOf(event), settle }, event.type);
      });
      lastEvent = handed;
      return handed;
    },
    end: (end) =>
      new Promise((settle) => {
        add({ kind: 'end', end, bytes: sizeOf(end), settle }, 'the end of an action');
      }),
    async idle() {
      while (pumping !== undefined) await pumping;
    },
    told: () => lastEvent,
    waiting: () => items.length,
    drain() {
      given ??= 'the program ended';
      const left = take(items.length);
      for (const { settle } of left) settle({ lost: 'the program ended' });
      return {
        events: left.flatMap((item) => (item.kind === 'event' ? [item.event] : [])),
        ends: left.flatMap((item) => (item.kind === 'end' ? [item.end] : [])),
      };
    },
    give(why) {
      given ??= why;
      for (const item of take(items.length)) {
        options.onLost(whatOf(item), why);
        item.settle({ lost: why });
      }
    },
  };
}

const whatOf = (item: Item): string => (item.kind === 'event' ? item.event.type : 'the end of an action');

function refusal(error: unknown): Handed {
  const { code = 'INTERNAL', message = String(error) } = error as { code?: string; message?: string };
  return { refused: { code, message } };
}

/** Roughly its JSON: what it takes in memory and on the way. */
function sizeOf(value: unknown): number {
  return JSON.stringify(value).length + 64;
}
