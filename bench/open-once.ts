/**
 * Opens a log as a start of the recorder does, and prints the milliseconds. In a process of its own: nothing is warm but
 * what the operating system keeps.
 *
 *     node bench/open-once.ts DIR
 */
import { largeLog } from './large.ts';

const { open } = await largeLog(process.argv[2] ?? '');
const started = performance.now();
const recorder = await open((store) => ({
  ...store,
  seal: () => Promise.reject(new Error('not measured here')),
}));
const took = performance.now() - started;
await recorder.close('measured');
process.stdout.write(`${took}\n`);
