/**
 * Verification of a log directory by segments, in several workers where that pays. Whatever is out of the ordinary ends
 * it without an answer: the pass in order, which names what is wrong, is then the caller's to make.
 */
import { availableParallelism } from 'node:os';
import type { LogReader, Segment } from '../core/ports.ts';
import { mentionsPrune, type PruneNote, pruneIn } from '../core/retention/prune-entry.ts';
import type { LogSource } from '../core/tlog/verify.ts';
import type { EntriesResult } from '../core/tlog/verify-entries.ts';
import { createStitch, cutsFor } from '../core/tlog/verify-stitch.ts';
import { breathe, createSegmentVerifier, type Segments, type StretchTask } from './verify-stretches.ts';
import { startWorkers } from './verify-workers.ts';

export interface ParallelOptions {
  readonly directory: string;
  readonly reader: LogReader;
  readonly tile: LogSource['tile'];
  /** How many workers; by default as many as pay. */
  readonly workers: number | undefined;
  readonly shown: Pick<StretchTask, 'every' | 'types' | 'payloads'>;
  /** Lines that were asked for, in the order of the log; some others too. */
  see(line: Uint8Array): void;
}

/** A worker takes about as long to start as this takes to verify. */
const WORTH_A_WORKER_BYTES = 64 * 1024 * 1024;

/**
 * `asked`, or as many as pay. Where every line has to be shown one is as fast as many: what is shown to this thread costs
 * it more than verifying it would.
 */
export function workersFor(
  segments: readonly Segment[],
  asked: number | undefined,
  showsAll = false,
): number {
  const bytes = segments.reduce((sum, segment) => sum + segment.bytes, 0);
  const pay = showsAll ? 1 : Math.min(availableParallelism(), Math.floor(bytes / WORTH_A_WORKER_BYTES));
  return Math.max(1, Math.min(asked ?? pay, segments.length));
}

export function parallelEntries(options: ParallelOptions): NonNullable<LogSource['entries']> {
  const { directory, reader, shown, see } = options;
  return async ({
    first = 0,
    signedSize,
    rootsAt,
    keep = [],
    onProgress,
  }): Promise<EntriesResult | undefined> => {
    const segments = await reader.segments();
    const task: StretchTask = {
      directory,
      rootsAt: cutsFor({ signedSize, rootsAt }),
      keep,
      ...shown,
    };
    const stitch = createStitch({ first, signedSize, rootsAt, keep, tile: options.tile });
    if (!(await stitch.begin())) return undefined;
    const prunes: PruneNote[] = [];
    const seen = (line: Uint8Array): void => {
      const note = first > 0 && mentionsPrune(line, 0, line.length) ? pruneIn(line) : undefined;
      if (note !== undefined) prunes.push(note);
      see(line);
    };
    let bytes = 0;
    const progress = (added: number): void => {
      bytes += added;
      onProgress?.(stitch.lines, bytes);
    };
    const workers = workersFor(segments, options.workers, shown.every);
    const stretches =
      workers > 1
        ? startWorkers({ workers, segments, task, see: seen, progress })
        : inThisThread(segments, task, { ...options, see: seen }, progress);
    if (stretches === undefined) return undefined;
    try {
      for (const _ of segments) {
        const stretch = await stretches.next();
        if (stretch === undefined || !(await stitch.add(stretch))) return undefined;
      }
    } finally {
      await stretches.close();
    }
    return { ...stitch.finish(), prunes };
  };
}

function inThisThread(
  segments: readonly Segment[],
  task: StretchTask,
  { reader, see }: ParallelOptions,
  progress: (bytes: number) => void,
): Segments | undefined {
  const verify = createSegmentVerifier(task, reader);
  if (verify === undefined) return undefined;
  const left = [...segments];
  const pause = async (bytes: number): Promise<void> => {
    progress(bytes);
    await breathe();
  };
  return {
    async next() {
      const segment = left.shift();
      return segment === undefined ? undefined : verify(segment, { see, pause });
    },
    close: () => Promise.resolve(),
  };
}
