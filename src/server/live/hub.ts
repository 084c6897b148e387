/**
 * Sends new entries to all who follow the log. They are gathered for some milliseconds, framed once for each distinct
 * filter, and written to every subscriber with it; the writing is cut into short turns, so that appends wait for none.
 *
 * Whoever does not keep up leaves the live part, is told so, and is served from the log until it is back: nothing is lost,
 * nothing comes twice, and what waits for it in memory is bounded.
 */
import { LIMITS } from '../../core/limits.ts';
import { createFrames } from '../../core/live/frames.ts';
import { watchInterruptions } from '../../core/live/interruptions.ts';
import type { LineSlices } from '../../core/ports.ts';
import { parseLine } from '../../core/query/line.ts';
import { type Paired, type Pairing, wants } from '../../core/query/pairing.ts';
import type { OnDurable, Subscription } from '../../recorder/durable.ts';
import { catchUp } from './catch-up.ts';
import { createGate } from './gate.ts';
import { createRecent } from './recent.ts';
import type { Subscriber } from './subscriber.ts';

export interface HubOptions {
  readonly slices: LineSlices;
  readonly onDurable: (listener: OnDurable) => Subscription;
  /** What could not be read for a subscriber; it is cut off and may come back. */
  readonly onError: (error: unknown) => void;
}

export interface Hub {
  /** Entries that are durable, as far as was told here. */
  readonly size: () => number;
  /** Where somebody who wants only what is new begins. */
  readonly live: () => number;
  /** Why one more, with this filter, is not taken; undefined when it is. */
  refusal(key: string): string | undefined;
  /** From its `next` on, until it is gone. */
  add(subscriber: Subscriber): void;
  /** Sends what is left and says goodbye to all. */
  close(): void;
}

interface Group {
  readonly filter: Subscriber['request']['filter'];
  readonly filtered: boolean;
  readonly members: Set<Subscriber>;
}

interface Parcel {
  readonly group: Group;
  readonly bytes: Buffer;
}

const TEND_MS = 1_000;
/** Subscribers between two looks at the time. */
const STRIDE = 16;

export function createHub(options: HubOptions): Hub {
  const groups = new Map<string, Group>();
  const all = new Set<Subscriber>();
  const groupOf = new Map<Subscriber, Group>();
  const inTurn = createGate(LIMITS.liveReads);
  const watch = watchInterruptions();
  /** Beginnings of calls below `next`; only while somebody filters. */
  let pairing: Pairing | undefined;
  let timer: NodeJS.Timeout | undefined;
  /** What the last sending took, without the pauses in it. */
  let spentMs = 0;
  let delivering = false;
  let closed = false;

  const feed = options.onDurable((lines) => {
    recent.add(lines);
    schedule();
  });
  const recent = createRecent(feed.from);
  /** The live part goes on here; whoever has everything below it may join. */
  let next = feed.from;
  const tending = setInterval(() => {
    const now = performance.now();
    for (const subscriber of all) subscriber.tend(now);
  }, TEND_MS);
  tending.unref();

  function schedule(): void {
    if (timer !== undefined || delivering || closed || next === recent.to) return;
    timer = setTimeout(() => {
      timer = undefined;
      void tick();
    }, gatherMs());
  }

  /** Longer where sending takes long: a quarter of the time at most goes to subscribers, as far as the bound allows. */
  function gatherMs(): number {
    return Math.min(LIMITS.liveTickMostMs, Math.max(LIMITS.liveTickMs, 3 * spentMs));
  }

  /** Frames a piece of what is new from `next` on, once for each filter. */
  function pack(): readonly Parcel[] {
    const framed = [...groups.values()].map((group) => ({ group, frames: createFrames() }));
    const filtering = pairing;
    next = recent.each(next, recent.to, (index, line) => {
      const interruption = watch.see(index, line);
      let paired: Paired | undefined;
      if (filtering !== undefined) {
        const parsed = parseLine(line);
        paired = 'entry' in parsed ? filtering.pair(parsed.entry) : undefined;
      }
      for (const { group, frames } of framed) {
        if (interruption !== undefined) frames.interruption(interruption);
        if (!group.filtered || (paired !== undefined && wants(paired, group.filter)))
          frames.entry(index, line);
      }
    });
    return framed.map(({ group, frames }) => ({ group, bytes: frames.take() }));
  }

  async function tick(): Promise<void> {
    delivering = true;
    spentMs = 0;
    while (next < recent.to && !closed) {
      if (all.size === 0) next = recent.to;
      else if (next < recent.from) {
        // More came at once than is kept: it is in the files.
        next = recent.to;
        for (const subscriber of [...groupOf.keys()]) follow(subscriber, true);
      } else {
        const from = next;
        const began = performance.now();
        const parcels = pack();
        spentMs += performance.now() - began;
        await deliver(parcels, from);
      }
    }
    delivering = false;
    schedule();
  }

  async function deliver(parcels: readonly Parcel[], from: number): Promise<void> {
    const to = next;
    let turn = performance.now();
    let count = 0;
    for (const { group, bytes } of parcels) {
      for (const subscriber of [...group.members]) {
        give(subscriber, bytes, from, to);
        if (++count % STRIDE !== 0 || closed || performance.now() - turn < LIMITS.liveTurnMs) continue;
        spentMs += performance.now() - turn;
        await new Promise((resolve) => setImmediate(resolve));
        turn = performance.now();
      }
    }
    spentMs += performance.now() - turn;
  }

  function give(subscriber: Subscriber, bytes: Buffer, from: number, to: number): void {
    // It left meanwhile, or joined behind this.
    if (!groupOf.has(subscriber) || subscriber.next >= to) return;
    if (subscriber.next !== from) follow(subscriber, false);
    else if (subscriber.full(bytes.length)) follow(subscriber, true);
    else {
      subscriber.next = to;
      if (bytes.length > 0) subscriber.send(bytes);
    }
  }

  function join(subscriber: Subscriber, own: Pairing): void {
    const { key, filter, filtered } = subscriber.request;
    const group = groups.get(key) ?? { filter, filtered, members: new Set() };
    groups.set(key, group);
    group.members.add(subscriber);
    groupOf.set(subscriber, group);
    // It has looked at the entries below `next`, where nobody had a reason to before.
    if (filtered) pairing ??= own;
  }

  function leave(subscriber: Subscriber): void {
    const group = groupOf.get(subscriber);
    groupOf.delete(subscriber);
    if (group === undefined || !group.members.delete(subscriber) || group.members.size > 0) return;
    groups.delete(subscriber.request.key);
    if (![...groups.values()].some(({ filtered }) => filtered)) pairing = undefined;
  }

  /** Brings it from where it is up to the live part, and joins it there. */
  function follow(subscriber: Subscriber, lagging: boolean): void {
    leave(subscriber);
    const deps = { recent, slices: options.slices, inTurn, live: () => next };
    catchUp(subscriber, deps, lagging).then(
      (caught) => {
        if (caught !== undefined && !closed) join(subscriber, caught.pairing);
      },
      (error: unknown) => {
        options.onError(error);
        subscriber.end('the log could not be read');
      },
    );
  }

  return {
    size: () => recent.to,
    live: () => next,
    refusal(key) {
      if (all.size >= LIMITS.liveSubscribers) return `${all.size} clients follow the log already`;
      const keys = new Set([...all].map((subscriber) => subscriber.request.key));
      return keys.has(key) || keys.size < LIMITS.liveFilters
        ? undefined
        : `${keys.size} different filters are in use already`;
    },
    add(subscriber) {
      all.add(subscriber);
      subscriber.onGone(() => {
        all.delete(subscriber);
        leave(subscriber);
      });
      follow(subscriber, false);
    },
    close() {
      if (closed) return;
      closed = true;
      feed.end();
      clearTimeout(timer);
      clearInterval(tending);
      while (next < recent.to && next >= recent.from && all.size > 0) {
        const from = next;
        for (const { group, bytes } of pack())
          for (const subscriber of [...group.members]) give(subscriber, bytes, from, next);
      }
      for (const subscriber of all) subscriber.end('the recorder is closing');
    },
  };
}
