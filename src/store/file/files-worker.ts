/** The thread that writes files which were handed over together. It has nothing else to do, so nothing is awaited. */
import { parentPort } from 'node:worker_threads';
import { invariant } from '../../core/error.ts';
import type { FilesAnswer, FilesTask } from './files-protocol.ts';
import { errno, replaceFileNow } from './fs.ts';

invariant(parentPort !== null, 'this file is started as a worker');
const port = parentPort;

function write({ files, durable }: FilesTask): FilesAnswer {
  try {
    for (const { path, bytes } of files) replaceFileNow(path, bytes, durable);
    return {};
  } catch (error) {
    return {
      error: { message: error instanceof Error ? error.message : String(error), code: errno(error) },
    };
  }
}

port.on('message', (task: FilesTask) => port.postMessage(write(task)));
