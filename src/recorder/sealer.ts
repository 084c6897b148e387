/**
 * Seals old segments in the background, one at a time, lowest first. A segment is due once a durable checkpoint covers an
 * entry of a later one: then its tiles are durable, and recovery, which reads from the segment of the last signed entry
 * on, never needs it again. So what recovery may have to cut is always plain.
 *
 * Nothing waits for it. One that fails leaves the plain form as it was and recording goes on: it is said, and tried
 * again when the next segment begins or at the next start.
 */
import { isTallyError, TallyError } from '../core/error.ts';
import { LIMITS } from '../core/limits.ts';
import type { LogStore } from '../core/ports.ts';

export interface Sealer {
  /** Durable entries lie in segment `first` now. */
  entered(first: number): void;
  /** The newest durable checkpoint covers `size` entries. */
  signed(size: number): void;
  /** Why a segment that is due is still plain; undefined when nothing has failed since. */
  failure(): TallyError | undefined;
  /** Runs `task` while nothing is sealed; segments before the entry that it gives are forgotten. */
  beside(task: () => Promise<number>): Promise<void>;
  /** Resolves when nothing that is due is left to try, without waiting for the pause after a start. */
  idle(): Promise<void>;
  /** Ends what runs, at its next frame. The segment stays plain. */
  stop(): Promise<void>;
}

export function createSealer(options: {
  readonly store: Pick<LogStore, 'seal'>;
  /** First indices of the plain segments, ascending. */
  readonly plain: readonly number[];
  readonly signed: number;
  readonly onFailure: (error: TallyError) => void;
}): Sealer {
  const plain = [...options.plain];
  const damaged = new Set<number>();
  const aborting = new AbortController();
  let { signed } = options;
  let failure: TallyError | undefined;
  let running: Promise<void> | undefined;
  /** Nothing is tried: too soon after the start, or since something failed that the next segment may find mended. */
  let paused = true;
  let held = false;
  let timer: NodeJS.Timeout | undefined = setTimeout(resume, LIMITS.sealAfterStartMs);
  timer.unref();

  function due(): number | undefined {
    return plain.find(
      (first, i) => !damaged.has(first) && (plain[i + 1] ?? Number.POSITIVE_INFINITY) < signed,
    );
  }

  async function run(): Promise<void> {
    for (let first = due(); first !== undefined && !paused && !held; first = due()) {
      try {
        await options.store.seal(first, aborting.signal);
        plain.splice(plain.indexOf(first), 1);
      } catch (error) {
        if (aborting.signal.aborted) return;
        failure = asFailure(error, first);
        // What is wrong with this one is not mended by waiting, and not wrong with the others.
        if (failure.code === 'LOG_DAMAGED') damaged.add(first);
        else paused = true;
        options.onFailure(failure);
      }
    }
    if (!paused && damaged.size === 0) failure = undefined;
  }

  function start(): void {
    if (running !== undefined || paused || held || aborting.signal.aborted || due() === undefined) return;
    running = run().finally(() => {
      running = undefined;
      start();
    });
  }

  function resume(): void {
    clearTimeout(timer);
    timer = undefined;
    paused = false;
    start();
  }

  return {
    entered(first) {
      if ((plain.at(-1) ?? -1) >= first) return;
      plain.push(first);
      resume();
    },
    signed(size) {
      signed = size;
      start();
    },
    failure: () => failure,
    async beside(task) {
      held = true;
      try {
        while (running !== undefined) await running;
        const to = await task();
        while ((plain[0] ?? to) < to) damaged.delete(plain.shift() ?? 0);
      } finally {
        held = false;
        start();
      }
    },
    async idle() {
      if (timer !== undefined) resume();
      while (running !== undefined) await running;
    },
    async stop() {
      clearTimeout(timer);
      aborting.abort();
      await running;
    },
  };
}

function asFailure(error: unknown, first: number): TallyError {
  if (isTallyError(error)) return error;
  const why = error instanceof Error ? error.message : String(error);
  return new TallyError('LOG_WRITE_FAILED', `cannot seal segment ${first}: ${why}`, {
    hint: 'recording goes on; the segment stays as it is and is tried again later',
    cause: error,
  });
}
