/** The thread that makes requests of entries, beside the recorder: reading and encoding them costs its thread nothing. */
import { setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { invariant } from '../../core/error.ts';
import { LIMITS } from '../../core/limits.ts';
import { fileReader } from '../../store/file/reader.ts';
import { isLine, nextBatch, placeAt } from './encode.ts';
import type { Answer, Asked, EncodeTask, FromThread, ToThread } from './protocol.ts';

invariant(parentPort !== null, 'this file is started as a worker');
const port = parentPort;
const { directory }: EncodeTask = workerData;
const reader = fileReader(directory);

try {
  // On Linux a priority belongs to a thread: this one gives way to whoever records.
  setPriority(0, LIMITS.alertNice);
} catch {
  // Where it may not be set, the scheduler is fair.
}

async function answered(asked: Asked): Promise<Answer> {
  try {
    switch (asked.what) {
      case 'next':
        return { batch: await nextBatch(reader, asked.log, asked.place, asked.upTo) };
      case 'place':
        return { place: await placeAt(reader, asked.index) };
      case 'is':
        return { is: await isLine(reader, asked.last) };
    }
  } catch (error) {
    return { failed: error instanceof Error ? error.message : String(error) };
  }
}

port.on('message', ({ n, asked }: ToThread) => {
  void answered(asked).then((answer) => {
    // Handed over, not copied.
    const moved = 'batch' in answer ? [answer.batch.body.buffer as ArrayBuffer] : [];
    port.postMessage({ n, answer } satisfies FromThread, moved);
  });
});
