/**
 * Group commit. Everything that waits when the disk becomes free goes out in one write and one fdatasync; whoever
 * arrives meanwhile forms the next batch.
 *
 * A failed write or fsync ends the writer: it acknowledges nothing more and never retries, because a second fsync can
 * report success for pages the kernel has already dropped. Opening the log again replays from what is on disk.
 */
import { invariant, TallyError } from '../core/error.ts';
import { LIMITS } from '../core/limits.ts';
import type { LogStore, PackStore } from '../core/ports.ts';
import type { Batch } from './batch.ts';
import type { Sequencer } from './sequencer.ts';

export interface Committer {
  /** Something was sequenced: a flush follows as soon as the current turn of the event loop is over. */
  wake(): void;
  /** Something was sequenced that nobody waits for: it goes with what comes next, or after LIMITS.unawaitedMs. */
  wakeLater(): void;
  /** Resolves when nothing waits for the disk. */
  idle(): Promise<void>;
  /** Resolves after another turn of the event loop, in which the disk may have become free. */
  turn(): Promise<void>;
  /** Ends the writer: everything waiting and everything later is rejected with `error`. */
  fail(error: TallyError): void;
  /**
   * For the last moment of a process: makes durable what was sequenced, in its order, before it returns true, and ends the
   * writer, but for another call of this. False: the store cannot do it, or could not; nothing may be assumed then.
   */
  flushNow(): boolean;
  /** Why the writer is dead, if it is. */
  failure(): TallyError | undefined;
}

export function createCommitter(
  store: LogStore,
  packs: Pick<PackStore, 'writePack' | 'writeLastly'> | undefined,
  sequencer: Sequencer,
  onDurable: (batch: Batch) => void,
): Committer {
  let segment: number | undefined;
  let scheduled = false;
  let later: NodeJS.Timeout | undefined;
  let busy = false;
  let dead: TallyError | undefined;
  /** Taken from the sequencer and not written yet, in their order. The first one may have its payloads on disk. */
  let taken: Batch[] = [];
  let isLast = false;

  function fail(error: TallyError): void {
    dead ??= error;
    for (const batch of sequencer.take()) batch.settle(dead);
  }

  async function flush(): Promise<void> {
    scheduled = false;
    busy = true;
    for (taken = sequencer.take(); taken.length > 0; taken = sequencer.take()) {
      for (let batch = taken[0]; batch !== undefined; batch = taken[0]) {
        try {
          refuseWhenDead();
          // Payloads first: an entry on disk whose payload is not would look like tampering. A failure is fatal like
          // that of the segment: where the pack ends is then unknown, and later entries chain to the one that cites it.
          const pack = batch.pack();
          if (pack !== undefined) {
            invariant(packs !== undefined, 'payloads without packs');
            await packs.writePack(batch.segment, pack.offset, pack.bytes);
          }
          if (batch.segment !== segment) await store.openSegment(batch.segment);
          // The process may have been ending while that was waited for: then it is written, or lost.
          refuseWhenDead();
          segment = batch.segment;
          const appended = store.append(batch.bytes());
          taken.shift();
          await appended;
        } catch (error) {
          if (taken[0] === batch) taken.shift();
          fail(asFailure(error));
          batch.settle(dead);
          continue;
        }
        batch.settle();
        onDurable(batch);
      }
    }
    // In the same turn as the empty `take`: whoever is woken by the last batch must find the writer ready to be woken.
    busy = false;
  }

  function refuseWhenDead(): void {
    if (dead !== undefined) throw dead;
  }

  /** An append that is under way has its bytes in the kernel: the flush of what follows in its file covers them. */
  function writeNow(batch: Batch): void {
    const pack = batch.pack();
    if (pack !== undefined) packs?.writeLastly?.(batch.segment, pack.offset, pack.bytes);
    if (batch.segment !== segment) store.lastly?.openSegment(batch.segment);
    segment = batch.segment;
    store.lastly?.append(batch.bytes());
  }

  function flushNow(): boolean {
    if (store.lastly === undefined || (packs !== undefined && packs.writeLastly === undefined)) return false;
    if (dead !== undefined && !isLast) return false;
    isLast = true;
    dead ??= new TallyError('LOG_CLOSED', 'the process that records is ending', {
      hint: 'start it again with `tally up`',
    });
    const left = [...taken, ...sequencer.take()];
    taken = [];
    try {
      for (const batch of left) {
        writeNow(batch);
        batch.settle();
      }
      if (left.length === 0 && segment !== undefined) store.lastly.append(new Uint8Array(0));
      return true;
    } catch {
      // Whoever asked leaves word of what was to be written; recovery sets aside what was written in part.
      isLast = false;
      return false;
    }
  }

  function wake(): void {
    clearTimeout(later);
    later = undefined;
    if (scheduled || busy) return;
    scheduled = true;
    setImmediate(flush);
  }

  return {
    wake,
    wakeLater() {
      if (!scheduled && !busy) later ??= setTimeout(wake, LIMITS.unawaitedMs);
    },
    async idle() {
      if (later !== undefined) wake();
      while (scheduled || busy) await turn();
    },
    turn,
    fail,
    flushNow,
    failure: () => dead,
  };
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function asFailure(error: unknown): TallyError {
  if (error instanceof TallyError) return error;
  return new TallyError(
    'LOG_WRITE_FAILED',
    `cannot append to the log: ${error instanceof Error ? error.message : String(error)}`,
    {
      hint: 'start the recorder again: it replays from what is on disk',
      cause: error,
    },
  );
}
