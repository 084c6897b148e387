/**
 * Whether the file that is appended to is still the one under its name, with all that was written. Somebody may delete
 * it, put another in its place or cut it while it is open: the kernel goes on taking writes, and nobody would ever find
 * them.
 */
import { fstatSync, statSync } from 'node:fs';
import { TallyError } from '../../core/error.ts';
import { LIMITS } from '../../core/limits.ts';

export interface InPlace {
  /** After each append of `bytes`; looks at the first one and then once in `LIMITS.segmentLookMs`. Throws `LOG_DAMAGED`. */
  appended(bytes: number): void;
}

/** `fd` is open for appending at `path`, and nobody else of ours writes to it. */
export function watchInPlace(fd: number, path: string): InPlace {
  let end = fstatSync(fd).size;
  const look = lookNowAndThen(fd, path, (size) => size === end);
  return {
    appended(bytes) {
      end += bytes;
      look();
    },
  };
}

/**
 * A look at the file that is open at `path`, as often as at a segment; `fits` is asked for its size. Throws `LOG_DAMAGED`.
 */
export function lookNowAndThen(
  fd: number,
  path: string,
  fits = (_size: number): boolean => true,
): () => void {
  let lookAt = 0;

  function look(): string | undefined {
    const open = fstatSync(fd);
    const named = statSync(path, { throwIfNoEntry: false });
    if (named === undefined) return 'it is not there any more';
    if (named.ino !== open.ino || named.dev !== open.dev) return 'another file lies in its place';
    return fits(open.size) ? undefined : 'somebody else cut it or wrote to it';
  }

  return () => {
    const now = performance.now();
    if (now < lookAt) return;
    lookAt = now + LIMITS.segmentLookMs;
    const problem = look();
    if (problem === undefined) return;
    throw new TallyError('LOG_DAMAGED', `the log was changed while it was open: ${problem}: ${path}`, {
      hint: 'nothing more is recorded. Find out what did that (`tally verify`), restore the file from a backup, or start a new log with `tally log continue --reason …`',
    });
  };
}
