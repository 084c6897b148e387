/** The workers of a verification, from the side of the main thread. */
import { Worker } from 'node:worker_threads';
import { TallyError } from '../core/error.ts';
import type { Segment } from '../core/ports.ts';
import type { Stretch } from '../core/tlog/verify-stretch.ts';
import type { FromWorker, ToWorker } from './verify-protocol.ts';
import type { Segments, StretchTask } from './verify-stretches.ts';

/** Segments that are begun before their turn, for each worker: it bounds what waits to be put together. */
const SEGMENTS_AHEAD = 4;

const NEWLINE = 0x0a;

type Told = Exclude<FromWorker, { readonly kind: 'read' | 'failed' }>;

export interface WorkersOptions {
  readonly workers: number;
  readonly segments: readonly Segment[];
  readonly task: StretchTask;
  see(line: Uint8Array): void;
  progress(bytes: number): void;
}

/** What one segment's worker told, until somebody listens. */
interface Channel {
  tell(told: Told, worker: Worker): void;
  next(): Promise<{ readonly told: Told; readonly worker: Worker }>;
}

export function startWorkers({ workers, segments, task, see, progress }: WorkersOptions): Segments {
  let failed: ((error: unknown) => void) | undefined;
  /** Rejects when any worker fails, whoever is listened to just then. */
  const failure = new Promise<never>((_, reject) => {
    failed = reject;
  });
  failure.catch(() => {
    // Whoever waits for the next stretch is told; nobody does once the verification is over.
  });
  const channels = segments.map(createChannel);
  const idle: Worker[] = [];
  let begun = 0;
  let done = 0;
  let closing = false;

  /** Gives the next segments to workers that have none. */
  function deal(): void {
    while (begun < segments.length && begun < done + workers * SEGMENTS_AHEAD) {
      const worker = idle.pop();
      const segment = segments[begun];
      if (worker === undefined || segment === undefined) {
        if (worker !== undefined) idle.push(worker);
        return;
      }
      listen(worker, channels[begun]);
      begun++;
      worker.postMessage({ kind: 'segment', segment } satisfies ToWorker);
    }
  }

  function listen(worker: Worker, channel: Channel | undefined): void {
    worker.removeAllListeners('message');
    worker.on('message', (message: FromWorker) => {
      if (message.kind === 'read') progress(message.bytes);
      else if (message.kind === 'failed')
        failed?.(new TallyError(message.code, message.message, { hint: message.hint }));
      else {
        channel?.tell(message, worker);
        if (message.kind !== 'stretch') return;
        idle.push(worker);
        deal();
      }
    });
  }

  const running = Array.from({ length: workers }, () => {
    const worker = new Worker(workerFile(), { workerData: task });
    worker.on('error', (error) => failed?.(died(error)));
    worker.on('exit', () => {
      if (!closing) failed?.(died(undefined));
    });
    return worker;
  });
  idle.push(...running);
  deal();

  async function listenTo(channel: Channel): Promise<Stretch | undefined> {
    for (;;) {
      const { told, worker } = await Promise.race([channel.next(), failure]);
      if (told.kind === 'stretch') return told.stretch;
      eachLine(told.lines, see);
      const memory = told.lines.buffer;
      worker.postMessage({ kind: 'shown', memory } satisfies ToWorker, [memory]);
    }
  }

  return {
    async next() {
      const channel = channels[done];
      const stretch = channel === undefined ? undefined : await listenTo(channel);
      done++;
      deal();
      return stretch;
    },
    async close() {
      closing = true;
      await Promise.all(running.map((worker) => worker.terminate()));
    },
  };
}

/** Beside this file, under the name that it has after a build as well. */
function workerFile(): URL {
  const { href } = new URL('./verify-worker.ts', import.meta.url);
  return new URL(import.meta.url.endsWith('.ts') ? href : href.replace(/\.ts$/, '.js'));
}

function died(cause: unknown): TallyError {
  const why = cause instanceof Error ? `: ${cause.message}` : '';
  return new TallyError('INTERNAL', `a worker that verified the log ended before it was done${why}`, {
    hint: 'verify again with --workers 1; if it ends so as well, the machine is short of memory',
    cause,
  });
}

function eachLine(lines: Uint8Array, see: (line: Uint8Array) => void): void {
  for (let start = 0; start < lines.length; ) {
    const end = lines.indexOf(NEWLINE, start);
    see(lines.subarray(start, end));
    start = end + 1;
  }
}

function createChannel(): Channel {
  const waiting: { readonly told: Told; readonly worker: Worker }[] = [];
  let wake: (() => void) | undefined;
  return {
    tell(told, worker) {
      waiting.push({ told, worker });
      wake?.();
    },
    async next() {
      for (;;) {
        const first = waiting.shift();
        if (first !== undefined) return first;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}
