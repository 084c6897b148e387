/** What the state directory takes of its disk, and what is left there. */
import { readdir, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Paths } from '../../../paths.ts';
import { errno, readError } from '../../../store/file/fs.ts';

export interface DiskStatus {
  readonly used_bytes: number;
  readonly free_bytes: number;
}

export async function diskStatus(paths: Paths): Promise<DiskStatus> {
  const free = await statfs(paths.state).catch(() => undefined);
  return {
    used_bytes: await bytesBelow(paths.state),
    free_bytes: free === undefined ? 0 : free.bavail * free.bsize,
  };
}

async function bytesBelow(directory: string): Promise<number> {
  const found = await readdir(directory, { recursive: true, withFileTypes: true }).catch((error: unknown) => {
    if (errno(error) === 'ENOENT') return [];
    throw readError(error, `cannot look through ${directory}`);
  });
  let bytes = 0;
  for (const file of found) {
    if (!file.isFile()) continue;
    // A file may go while we look: a checkpoint is replaced several times a second.
    bytes += await stat(join(file.parentPath, file.name)).then(
      ({ size }) => size,
      () => 0,
    );
  }
  return bytes;
}
