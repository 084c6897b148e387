/** The files of a bundle, in a directory that gets its name when it is whole. */
import { createHash } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { TallyError } from '../../core/error.ts';
import type { BundleFile } from '../../core/export/manifest.ts';
import { DIRECTORY_MODE, errno, FILE_MODE, syncDirectory, writeAll } from '../../store/file/fs.ts';
import { besideOf, sweepBeside } from './beside.ts';
import { exists, unwritable } from './sink.ts';

export interface BundleFiles {
  /** Where they are until they are whole. */
  readonly directory: string;
  put(name: string, bytes: Uint8Array): Promise<BundleFile>;
  /** Gives the directory its name. */
  finish(): Promise<void>;
  /** Takes everything away again. Never throws. */
  abort(): Promise<void>;
}

/** Throws `USAGE` unless there is nothing at `target`, or an empty directory. */
export async function bundleFiles(target: string): Promise<BundleFiles> {
  const place = resolve(target);
  if (await isTaken(place)) throw exists(target);
  await sweepBeside(place);
  const directory = besideOf(place);
  try {
    await rm(directory, { recursive: true, force: true });
    await mkdir(directory, { mode: DIRECTORY_MODE });
  } catch (error) {
    throw unwritable(target, error);
  }
  const made = new Set<string>();

  return {
    directory,
    async put(name, bytes) {
      const path = join(directory, name);
      try {
        if (!made.has(dirname(path))) await mkdir(dirname(path), { recursive: true, mode: DIRECTORY_MODE });
        made.add(dirname(path));
        const handle = await open(path, 'wx', FILE_MODE);
        try {
          await writeAll(handle, bytes);
          await handle.sync();
        } finally {
          await handle.close();
        }
      } catch (error) {
        throw unwritable(join(target, name), error);
      }
      return { bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
    },
    async finish() {
      try {
        for (const path of made) await syncDirectory(path);
        await syncDirectory(directory);
        await rename(directory, place);
        await syncDirectory(dirname(place));
      } catch (error) {
        const code = errno(error);
        if (code === 'ENOTEMPTY' || code === 'EEXIST' || code === 'ENOTDIR') throw exists(target);
        throw unwritable(target, error);
      }
    },
    async abort() {
      await rm(directory, { recursive: true, force: true }).catch(() => undefined);
    },
  };
}

async function isTaken(path: string): Promise<boolean> {
  try {
    return !(await stat(path)).isDirectory() || (await readdir(path)).length > 0;
  } catch (error) {
    if (errno(error) === 'ENOENT') return false;
    if (error instanceof TallyError) throw error;
    throw unwritable(path, error);
  }
}
