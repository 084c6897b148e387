import { closeSync, openSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { TallyError } from '../../core/error.ts';
import { FILE_MODE, storeError } from './fs.ts';

/**
 * One writer per log. Node has no flock, so the lock is an exclusive SQLite transaction on a file of its own: the
 * kernel releases it when the holder dies, kill -9 included. The file holds no data.
 *
 * Returns undefined when somebody else holds it.
 */
export function tryLock(path: string): { release(): void } | undefined {
  let database: DatabaseSync;
  try {
    // SQLite would make it readable for everybody.
    closeSync(openSync(path, 'a', FILE_MODE));
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
  return {
    release() {
      database.exec('ROLLBACK');
      database.close();
    },
  };
}
