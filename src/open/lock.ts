/** What opening a log begins with, whoever opens it: the lock of its writer, and randomness. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { type Paths, TENANT } from '../paths.ts';

export const random = (size: number): Uint8Array => randomBytes(size);

export function lockPath(paths: Paths): string {
  return join(paths.state, `${TENANT}.lock.sqlite`);
}
