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
  /** Why the writer is dead, if it is. */
  failure(): TallyError | undefined;
}

export function createCommitter(
  store: LogStore,
  packs: Pick<PackStore, 'writePack'> | undefined,
  sequencer: Sequencer,
  onDurable: (batch: Batch) => void,
): Committer {
  let segment: number | undefined;
  let scheduled = false;
  let later: NodeJS.Timeout | undefined;
  let busy = false;
  let dead: TallyError | undefined;

  function fail(error: TallyError): void {
    dead ??= error;
    for (const batch of sequencer.take()) batch.settle(dead);
  }

  async function flush(): Promise<void> {
    scheduled = false;
    busy = true;
    for (let batches = sequencer.take(); batches.length > 0; batches = sequencer.take()) {
      for (const batch of batches) {
        try {
          if (dead !== undefined) throw dead;
          // Payloads first: an entry on disk whose payload is not would look like tampering. A failure is fatal like
          // that of the segment: where the pack ends is then unknown, and later entries chain to the one that cites it.
          const pack = batch.pack();
          if (pack !== undefined) {
            invariant(packs !== undefined, 'payloads without packs');
            await packs.writePack(batch.segment, pack.offset, pack.bytes);
          }
          if (batch.segment !== segment) await store.openSegment(batch.segment);
          segment = batch.segment;
          await store.append(batch.bytes());
        } catch (error) {
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
