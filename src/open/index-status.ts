/** How far the index of this machine's log is, without bringing it up to date. */
import { statSync } from 'node:fs';
import { IndexDamage } from '../index/sqlite/damage.ts';
import { openDatabase, readState, type State } from '../index/sqlite/database.ts';
import type { Paths } from '../paths.ts';
import { indexPath } from './index-place.ts';
import { originOf } from './log-origin.ts';

export interface IndexStatus {
  readonly path: string;
  /** `other`: of another log, or written by another version; `damaged`: it cannot be read. The next reader makes both again. */
  readonly state: 'none' | 'ready' | 'other' | 'damaged';
  /** Why it cannot be read. */
  readonly problem?: string;
  /** Entries that it reflects. */
  readonly entries: number;
  /** Entries of the log that it does not reflect yet. */
  readonly lag: number;
  /** Lines of the log that are no entries. */
  readonly malformed: number;
  readonly bytes: number;
  readonly bytes_per_entry?: number;
}

/** `entries`: how many the log has. */
export async function indexStatus(paths: Paths, directory: string, entries: number): Promise<IndexStatus> {
  const path = indexPath(paths);
  const bytes = ['', '-wal'].reduce((sum, suffix) => sum + (sizeOf(path + suffix) ?? 0), 0);
  const nothing = { path, entries: 0, lag: entries, malformed: 0, bytes };
  if (sizeOf(path) === undefined) return { ...nothing, state: 'none' };
  let state: State | undefined;
  try {
    const database = openDatabase(path, true);
    try {
      state = readState(database);
    } finally {
      database.close();
    }
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    return { ...nothing, state: error instanceof IndexDamage ? 'damaged' : 'other', problem };
  }
  if (state === undefined || state.origin !== (await originOf(directory)))
    return { ...nothing, state: 'other' };
  const indexed = state.size - state.from;
  return {
    path,
    state: 'ready',
    entries: state.size,
    // The log may have grown since it was counted.
    lag: Math.max(0, entries - state.size),
    malformed: state.malformed.count,
    bytes,
    ...(indexed === 0 ? {} : { bytes_per_entry: Math.round((bytes / indexed) * 10) / 10 }),
  };
}

function sizeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.size;
}
