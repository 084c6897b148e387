/** Files for others to read: ordinary modes (as the umask allows), each replaced as a whole. */
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { equalBytes } from '../core/bytes.ts';
import { errno, storeError, writeAll } from '../store/file/fs.ts';

export async function readPublished(root: string, path: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(join(root, path));
  } catch (error) {
    if (errno(error) === 'ENOENT' || errno(error) === 'ENOTDIR') return undefined;
    throw storeError(error, `cannot read ${path}`);
  }
}

/**
 * False when the file was there already with these bytes. A reader sees the old file or the new one, and the bytes are
 * on disk before the name is: a power cut must not leave a checkpoint whose tiles are empty.
 */
export async function writePublished(root: string, path: string, bytes: Uint8Array): Promise<boolean> {
  const stored = await readPublished(root, path);
  if (stored !== undefined && equalBytes(stored, bytes)) return false;
  const target = join(root, path);
  const beside = `${target}.${process.pid}.tmp`;
  try {
    await mkdir(dirname(target), { recursive: true });
    const handle = await open(beside, 'w');
    try {
      await writeAll(handle, bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(beside, target);
  } catch (error) {
    throw storeError(error, `cannot write ${path}`);
  }
  return true;
}
