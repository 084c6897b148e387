/** Keeps the index of this machine's log up to date while a recorder runs, in a thread of its own. */
import { Worker } from 'node:worker_threads';
import { LIMITS } from '../core/limits.ts';
import type { Paths } from '../paths.ts';
import { indexLockPath, indexPath } from './index-place.ts';
import type { FeederTask, FromFeeder, ToFeeder } from './indexing-protocol.ts';

export interface Feeder {
  /** Ends after the batch that is being written; what is not indexed by then is taken up by the next reader. */
  close(): Promise<void>;
}

export interface FeederOptions {
  readonly paths: Paths;
  /** Of the log. */
  readonly directory: string;
  /** Told once for each reason: the index is behind, which delays readers and loses nothing. */
  readonly onWarning: (text: string) => void;
}

export function startFeeder({ paths, directory, onWarning }: FeederOptions): Feeder {
  const task: FeederTask = { directory, path: indexPath(paths), lock: indexLockPath(paths) };
  const worker = new Worker(workerFile(), {
    workerData: task,
    // Entries of a batch live for a while: with a small nursery they would be copied over and over.
    resourceLimits: { maxYoungGenerationSizeMb: LIMITS.indexNurseryMb },
  });
  let closing = false;
  const ended = new Promise<void>((resolve) => {
    worker.on('exit', () => {
      resolve();
      if (!closing)
        onWarning('the thread that feeds the index ended: readers bring it up to date themselves');
    });
  });
  worker.on('error', (error) => onWarning(`the index is not fed any more: ${error.message}`));
  worker.on('message', (message: FromFeeder) => {
    if (message.kind === 'problem') onWarning(`the index is behind: ${message.why}`);
    else if (message.kind === 'anew') onWarning(`the index is made again: ${message.why}`);
  });
  return {
    async close() {
      closing = true;
      worker.postMessage('stop' satisfies ToFeeder);
      const late = setTimeout(() => void worker.terminate(), LIMITS.indexCloseMs);
      await ended;
      clearTimeout(late);
    },
  };
}

/** Beside this file, under the name that it has after a build as well. */
function workerFile(): URL {
  const { href } = new URL('./indexing-worker.ts', import.meta.url);
  return new URL(import.meta.url.endsWith('.ts') ? href : href.replace(/\.ts$/, '.js'));
}
