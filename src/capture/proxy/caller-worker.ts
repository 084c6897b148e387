/** The thread that looks for processes behind connections, beside the one that carries their calls. */
import { setPriority } from 'node:os';
import { parentPort } from 'node:worker_threads';
import { invariant } from '../../core/error.ts';
import { LIMITS } from '../../core/limits.ts';
import { createFinder } from './caller-find.ts';
import type { CallerAnswer, CallerQuestion } from './caller-protocol.ts';

invariant(parentPort !== null, 'this file is started as a worker');
const port = parentPort;
const finder = createFinder();
try {
  // On Linux a priority belongs to a thread: this one gives way to the calls.
  setPriority(0, LIMITS.indexNice);
} catch {
  // Where it may not be set, the scheduler is fair.
}
const tell = (answer: CallerAnswer): void => port.postMessage(answer);

port.on('message', ({ n, ports }: CallerQuestion) => {
  const found = finder.find(ports);
  // A program takes as long to hash as it is large; who it is need not wait for that.
  tell({ n, found, last: found === undefined });
  if (found === undefined) return;
  const exe_hash = finder.hashOf(found.pid);
  tell({ n, found, ...(exe_hash === undefined ? {} : { exe_hash }), last: true });
});
