/**
 * The index of a log, brought up to it. The current log of this machine has one that stays, in the state directory; any
 * other log, and one whose index cannot be written, gets a temporary one that is gone with the process.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { TallyError } from '../core/error.ts';
import { LIMITS } from '../core/limits.ts';
import { IndexDamage } from '../index/sqlite/damage.ts';
import { openDatabase, readState, removeDatabase, type State } from '../index/sqlite/database.ts';
import { openSqliteQuery, type SqliteQuery } from '../index/sqlite/driver.ts';
import type { Paths } from '../paths.ts';
import { tryLock } from '../store/file/lock.ts';
import { indexLockPath, indexPath } from './index-place.ts';
import { bringUp } from './indexing.ts';
import { endOf, reaches } from './log-end.ts';
import { mending, type PlacedQuery } from './mending.ts';

export interface IndexOptions {
  /** A log directory anywhere; the current log of this machine otherwise. */
  readonly log?: string;
  /** Entries that the index reflects, while it catches up. */
  readonly onProgress?: (done: number, total: number | undefined) => void;
  readonly onWarning: (text: string) => void;
  readonly signal?: AbortSignal;
}

/** Another process may make the index again between the writing and the reading of it. */
const ATTEMPTS = 3;

export async function openIndex(
  paths: Paths,
  directory: string,
  options: IndexOptions,
): Promise<PlacedQuery> {
  if (options.log !== undefined)
    return mending(await temporaryIndex(directory, options), () => temporaryIndex(directory, options));
  return mending(await sharedIndex(paths, directory, options), async () => {
    options.onWarning('the index is made again: it is damaged');
    await rebuildIndex(paths, directory, options);
    return sharedIndex(paths, directory, options);
  });
}

async function sharedIndex(paths: Paths, directory: string, options: IndexOptions): Promise<SqliteQuery> {
  for (let attempt = 1; ; attempt++) {
    try {
      await bringUpShared(paths, directory, options);
      return openSqliteQuery(indexPath(paths));
    } catch (error) {
      if (error instanceof IndexDamage && attempt < ATTEMPTS) continue;
      const why = reasonToDoWithout(error);
      if (why === undefined) throw error;
      options.onWarning(
        `the index cannot be used (${why}): one is made for this command alone, which takes time`,
      );
      return temporaryIndex(directory, options);
    }
  }
}

/** Reads the whole log again. Waits for whoever writes the index just now. */
export async function rebuildIndex(paths: Paths, directory: string, options: IndexOptions): Promise<void> {
  await locked(paths, options, async () => {
    removeDatabase(indexPath(paths));
    await bringUp({
      directory,
      path: indexPath(paths),
      onProgress: options.onProgress,
      signal: options.signal,
    });
  });
}

async function bringUpShared(paths: Paths, directory: string, options: IndexOptions): Promise<void> {
  const { onProgress, onWarning, signal } = options;
  const path = indexPath(paths);
  const end = await endOf(directory);
  const onAnew = (why: string): void => onWarning(`the index is made again: ${why}`);
  await locked(
    paths,
    options,
    async () => {
      await bringUp({ directory, path, onProgress, onAnew, signal });
    },
    (state) => reaches(state, end),
  );
}

/** Whoever has the lock writes; the others wait as long as the index grows, or until it is what they need. */
async function locked(
  paths: Paths,
  { onProgress, signal }: IndexOptions,
  work: () => Promise<void>,
  enough: (state: State) => boolean = () => false,
): Promise<void> {
  let size = -1;
  let since = performance.now();
  for (;;) {
    const lock = tryLock(indexLockPath(paths));
    if (lock !== undefined) {
      try {
        await work();
      } finally {
        lock.release();
      }
      return;
    }
    const state = peek(indexPath(paths));
    if (state !== undefined && enough(state)) return;
    const now = performance.now();
    if ((state?.size ?? 0) !== size) {
      size = state?.size ?? 0;
      since = now;
      onProgress?.(size, undefined);
    } else if (now - since > LIMITS.indexStalledMs) throw stalled();
    await setTimeout(LIMITS.indexWaitMs, undefined, signal === undefined ? {} : { signal });
  }
}

function stalled(): TallyError {
  return new TallyError('RECORDER_UNAVAILABLE', 'another process holds the index and does not go on', {
    hint: 'end the process that hangs (`tally up` feeds the index, and every command that asks the log)',
  });
}

function peek(path: string): State | undefined {
  try {
    const database = openDatabase(path, true);
    try {
      return readState(database);
    } finally {
      database.close();
    }
  } catch {
    // Its writer is just making it, or mends it: the next look will tell.
    return undefined;
  }
}

/** What SQLite says when it may not or cannot write: SQLITE_PERM, BUSY, READONLY, IOERR, FULL, CANTOPEN. */
const CANNOT_WRITE: ReadonlySet<number> = new Set([3, 5, 8, 10, 13, 14]);
const NO_PLACE: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOSPC', 'EDQUOT', 'ENOENT']);

const WITHOUT: ReadonlySet<string> = new Set(['LOG_READ_ONLY', 'RECORDER_UNAVAILABLE']);

function reasonToDoWithout(error: unknown): string | undefined {
  if (error instanceof IndexDamage) return error.message;
  if (error instanceof TallyError) return WITHOUT.has(error.code) ? error.message : undefined;
  if (!(error instanceof Error)) return undefined;
  if ('errcode' in error && CANNOT_WRITE.has(Number(error.errcode) & 0xff)) return error.message;
  return 'code' in error && NO_PLACE.has(String(error.code)) ? error.message : undefined;
}

/** In the directory for temporary files; its name is gone as soon as it is complete, its bytes with this process. */
async function temporaryIndex(directory: string, { onProgress, signal }: IndexOptions): Promise<SqliteQuery> {
  const place = mkdtempSync(join(tmpdir(), 'tallystick-index-'));
  try {
    const path = join(place, 'index.sqlite');
    await bringUp({ directory, path, onProgress, signal });
    return openSqliteQuery(path);
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}
