/** Where the index of this machine's log is. */
import { join } from 'node:path';
import type { Paths } from '../paths.ts';

export function indexPath(paths: Paths): string {
  return join(paths.state, 'index.sqlite');
}

/** Held while the index is written. */
export function indexLockPath(paths: Paths): string {
  return join(paths.state, 'index.lock.sqlite');
}
