/**
 * Brings one subscriber from where it is to where the log is: from the files, then from the entries in memory, a bounded
 * piece at a time, each when the one before was taken. The pieces end exactly where the live part goes on.
 */
import { LIMITS } from '../../core/limits.ts';
import { createFrames } from '../../core/live/frames.ts';
import { watchInterruptions } from '../../core/live/interruptions.ts';
import type { LineSlices, SlicePlace } from '../../core/ports.ts';
import { createPairing, type Pairing, wants } from '../../core/query/pairing.ts';
import { readEntry, recall } from './judge.ts';
import type { Recent } from './recent.ts';
import type { Subscriber } from './subscriber.ts';

export interface CatchUpDeps {
  readonly recent: Recent;
  readonly slices: LineSlices;
  /** Runs at most `LIMITS.liveReads` at once. */
  readonly inTurn: <T>(read: () => Promise<T>) => Promise<T>;
  /** Where the live part goes on: entries below it are not sent to anybody by it. */
  readonly live: () => number;
}

type Place = SlicePlace | { readonly index: number };
/** What is there, or between which indexes it is not. */
type Visit = (index: number, line: Buffer, ours: boolean) => void;
type Lost = (from: number, to: number, why: string) => void;

/**
 * Resolves with the beginnings of calls before its `next` when that is what `live` says, in the same turn of the event
 * loop; with undefined when it is gone. `lagging`: it was live before, and is told from where the files serve it.
 */
export async function catchUp(
  subscriber: Subscriber,
  { recent, slices, inTurn, live }: CatchUpDeps,
  lagging: boolean,
): Promise<{ readonly pairing: Pairing } | undefined> {
  const { filter, filtered } = subscriber.request;
  const pairing = createPairing();
  const watch = watchInterruptions();
  const frames = createFrames();

  /** One piece of the log, from memory where it is there. */
  async function step(place: Place, end: number, visit: Visit, lost: Lost): Promise<Place> {
    if (place.index >= recent.from) {
      return { index: recent.each(place.index, end, (index, line) => visit(index, line, true)) };
    }
    const slice = await inTurn(() => slices.read(place, end, LIMITS.liveSliceBytes));
    if (slice.kind === 'lost') {
      lost(slice.from, slice.to, slice.why);
      return { index: slice.to };
    }
    const { bounds } = slice;
    for (let i = 0; i < bounds.length; i += 2)
      visit(slice.from + i / 2, slice.bytes.subarray(bounds[i], bounds[i + 1]), false);
    return slice.next;
  }

  function send(index: number, line: Buffer, ours: boolean): void {
    subscriber.next = index + 1;
    // What the recorder handed over in this process is what it wrote; a file may have been altered since.
    const read = ours && !filtered ? undefined : readEntry(line, index);
    if (read !== undefined && 'damaged' in read) {
      frames.interruption({ kind: 'damaged', from: index, to: index + 1, why: read.damaged });
      return;
    }
    const interruption = watch.see(index, line);
    if (interruption !== undefined) frames.interruption(interruption);
    if (!filtered || (read !== undefined && wants(pairing.pair(read.entry), filter)))
      frames.entry(index, line);
  }

  function miss(from: number, to: number, why: string): void {
    subscriber.next = to;
    frames.interruption({ kind: 'damaged', from, to, why });
  }

  if (lagging) {
    await subscriber.drained();
    frames.event('lag', { from: subscriber.next, size: recent.to });
  }
  let place: Place = { index: Math.max(0, subscriber.next - (filtered ? LIMITS.liveLookBack : 1)) };
  while (place.index < subscriber.next && !subscriber.gone()) {
    place = await step(
      place,
      subscriber.next,
      (index, line) => {
        if (filtered) recall(pairing, line);
        if (index === subscriber.next - 1) watch.see(index, line);
      },
      () => undefined,
    );
  }
  for (;;) {
    if (subscriber.gone()) return undefined;
    if (subscriber.next >= live()) break;
    place = await step(place, live(), send, miss);
    if (frames.length > 0) subscriber.send(frames.take());
    // Also where nothing has to be waited for: others have their turn.
    await (subscriber.full(0) ? subscriber.drained() : new Promise((resolve) => setImmediate(resolve)));
  }
  if (frames.length > 0) subscriber.send(frames.take());
  return { pairing };
}
