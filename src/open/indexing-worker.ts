/**
 * A thread beside the recorder that brings the index up to the log, again and again. It reads the log as any other reader
 * does: the recorder neither waits for it nor knows of it.
 */
import { setPriority } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { invariant } from '../core/error.ts';
import { LIMITS } from '../core/limits.ts';
import { tryLock } from '../store/file/lock.ts';
import { bringUp } from './indexing.ts';
import type { FeederTask, FromFeeder, ToFeeder } from './indexing-protocol.ts';
import { endOf, type LogEnd, reaches } from './log-end.ts';

invariant(parentPort !== null, 'this file is started as a worker');
const port = parentPort;
const { directory, path, lock }: FeederTask = workerData;
const stop = new AbortController();
port.once('message', (message: ToFeeder) => {
  if (message === 'stop') stop.abort();
});

const tell = (message: FromFeeder): void => port.postMessage(message);
let problem: string | undefined;
let reached: LogEnd | undefined;

/** On Linux a priority belongs to a thread: this one gives way to whoever records. */
function giveWay(): void {
  try {
    setPriority(0, LIMITS.indexNice);
  } catch {
    // Where it may not be set, the scheduler is fair.
  }
}

/** Whether there is nothing left to do just now. */
async function turn(): Promise<boolean> {
  const end = await endOf(directory);
  if (reached !== undefined && reached.segment === end.segment && reached.offset === end.offset) return true;
  const held = tryLock(lock);
  // A reader is at it.
  if (held === undefined) return true;
  try {
    await bringUp({ directory, path, signal: stop.signal, onAnew: (why) => tell({ kind: 'anew', why }) });
    reached = end;
    return reaches(end, await endOf(directory));
  } finally {
    held.release();
  }
}

async function feed(): Promise<void> {
  giveWay();
  while (!stop.signal.aborted) {
    let pause: number = LIMITS.indexTurnMs;
    try {
      if (!(await turn())) pause = 0;
      if (problem !== undefined) tell({ kind: 'well' });
      problem = undefined;
    } catch (error) {
      if (stop.signal.aborted) break;
      const why = error instanceof Error ? error.message : String(error);
      if (why !== problem) tell({ kind: 'problem', why });
      problem = why;
      pause = LIMITS.indexRetryMs;
    }
    await setTimeout(pause, undefined, { signal: stop.signal }).catch(() => {
      // Stopped while it waited.
    });
  }
}

await feed();
port.close();
