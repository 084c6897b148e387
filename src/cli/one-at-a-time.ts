/** Of two commands that change one file, the second waits for the first. */
import { join } from 'node:path';
import { TallyError } from '../core/error.ts';
import { makeDirectory } from '../store/file/fs.ts';
import { tryLock } from '../store/file/lock.ts';

const WAIT_MS = 10_000;
const RETRY_MS = 20;

/**
 * Reading, editing and writing back is one step: of two changes at once, both are in the file. `what` names the file in
 * LOG_LOCKED, which is thrown when another command holds it for longer than such a change takes.
 */
export async function oneAtATime<T>(
  { directory, file, what }: { readonly directory: string; readonly file: string; readonly what: string },
  body: () => Promise<T>,
): Promise<T> {
  await makeDirectory(directory);
  const deadline = performance.now() + WAIT_MS;
  for (;;) {
    const lock = tryLock(join(directory, `${file}.lock.sqlite`));
    if (lock !== undefined) {
      try {
        return await body();
      } finally {
        lock.release();
      }
    }
    if (performance.now() > deadline) {
      throw new TallyError('LOG_LOCKED', `another command is changing ${what}`, {
        hint: 'try again when it is done',
      });
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}
