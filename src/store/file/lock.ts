import { closeSync, openSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { TallyError } from '../../core/error.ts';
import { errno, FILE_MODE, storeError } from './fs.ts';

/**
 * One writer per log. Node has no flock, so the lock is an exclusive SQLite transaction on a file of its own: the
 * kernel releases it when the holder dies, kill -9 included. The file holds no data.
 *
 * Returns undefined when somebody else holds it.
 */
const held = new Set<string>();

/**
 * SQLite would make the file readable for everybody. An existing one is not opened: closing any descriptor of a file
 * drops every lock that this process holds on it.
 */
function makePrivate(path: string): void {
  try {
    closeSync(openSync(path, 'wx', FILE_MODE));
  } catch (error) {
    if (errno(error) !== 'EEXIST') throw error;
  }
}

export function tryLock(path: string): { release(): void } | undefined {
  // For the same reason nobody in this process may even look while the lock is held.
  if (held.has(path)) return undefined;
  let database: DatabaseSync;
  try {
    makePrivate(path);
    database = new DatabaseSync(path, { timeout: 0 });
  } catch (error) {
    throw storeError(error, `cannot open the writer's lock ${path}`);
  }
  try {
    // Without a journal file there is nothing to roll back and nothing to leave behind.
    database.exec('PRAGMA locking_mode = NORMAL; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if (error instanceof Error && /database is locked|busy/.test(error.message)) return undefined;
    throw new TallyError(
      'LOG_READ_ONLY',
      `cannot take the writer's lock: ${error instanceof Error ? error.message : String(error)}`,
      {
        hint: 'the log directory must be writable for this user; `tally doctor` names it',
        cause: error,
      },
    );
  }
  held.add(path);
  return {
    release() {
      held.delete(path);
      database.exec('ROLLBACK');
      database.close();
    },
  };
}
