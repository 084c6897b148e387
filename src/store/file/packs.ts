import { closeSync, constants, fdatasyncSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { type FileHandle, open, readdir, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { packFirst, packName } from '../../core/payload/citation.ts';
import type { PackReader, PackStore } from '../../core/ports.ts';
import {
  DIRECTORY_MODE,
  errno,
  FILE_MODE,
  makeDirectory,
  openPlain,
  readError,
  storeError,
  syncDirectory,
  syncDirectoryNow,
} from './fs.ts';
import { lookNowAndThen } from './in-place.ts';

const DIRECTORY = 'packs';
/** A link is not followed, and a pipe not waited for. */
const WRITING = constants.O_WRONLY | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** The packs of the log in `directory`, without a lock. */
export function filePackReader(directory: string): PackReader {
  const root = join(directory, DIRECTORY);
  return {
    async packs() {
      let names: string[];
      try {
        names = await readdir(root);
      } catch (error) {
        if (errno(error) === 'ENOENT') return [];
        throw readError(error, `cannot list ${root}`);
      }
      const found = [];
      for (const name of names) {
        const first = packFirst(name);
        const bytes = first === undefined ? undefined : await sizeOf(join(root, name));
        if (first !== undefined && bytes !== undefined) found.push({ first, bytes });
      }
      return found.sort((a, b) => a.first - b.first);
    },
    async readPack(first, offset, length) {
      const handle = await openPlain(join(root, packName(first)));
      if (handle === undefined) return undefined;
      try {
        const bytes = Buffer.alloc(length);
        let done = 0;
        while (done < length) {
          const { bytesRead } = await handle.read(bytes, done, length - done, offset + done);
          if (bytesRead === 0) break;
          done += bytesRead;
        }
        return bytes.subarray(0, done);
      } catch (error) {
        throw readError(error, `cannot read ${join(root, packName(first))}`);
      } finally {
        await handle.close();
      }
    },
  };
}

/** Undefined when it is gone since it was listed: a prune may run beside the reader. */
async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (errno(error) === 'ENOENT') return undefined;
    throw readError(error, `cannot read ${path}`);
  }
}

/** The caller holds the writer's lock. Nothing is made before the first payload. */
export function filePacks(directory: string): PackStore {
  const root = join(directory, DIRECTORY);
  let held: { readonly first: number; readonly handle: FileHandle; readonly look: () => void } | undefined;

  async function target(first: number): Promise<NonNullable<typeof held>> {
    if (held?.first === first) return held;
    await held?.handle.close();
    held = undefined;
    await makeDirectory(root);
    // Not O_APPEND: the kernel would then ignore the offset, and what somebody added to the file would move our bytes
    // away from where their entry says they are.
    const path = join(root, packName(first));
    const handle = await open(path, WRITING, FILE_MODE);
    held = { first, handle, look: lookNowAndThen(handle.fd, path) };
    await syncDirectory(root);
    return held;
  }

  return {
    ...filePackReader(directory),
    async writePack(first, offset, bytes) {
      try {
        const { handle, look } = await target(first);
        for (let done = 0; done < bytes.length; ) {
          const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, offset + done);
          done += bytesWritten;
        }
        await handle.datasync();
        look();
      } catch (error) {
        throw storeError(error, 'cannot write a payload');
      }
    },
    writeLastly(first, offset, bytes) {
      mkdirSync(root, { recursive: true, mode: DIRECTORY_MODE });
      syncDirectoryNow(directory);
      const fd = openSync(join(root, packName(first)), WRITING, FILE_MODE);
      try {
        for (let done = 0; done < bytes.length; )
          done += writeSync(fd, bytes, done, bytes.length - done, offset + done);
        fdatasyncSync(fd);
        syncDirectoryNow(root);
      } finally {
        closeSync(fd);
      }
    },
    async removeBefore(to) {
      try {
        const old = (await filePackReader(directory).packs()).filter(({ first }) => first < to);
        for (const { first } of old) await unlink(join(root, packName(first)));
        await syncDirectory(root);
      } catch (error) {
        if (errno(error) !== 'ENOENT') throw storeError(error, 'cannot remove old payloads');
      }
    },
    async close() {
      await held?.handle.close();
      held = undefined;
    },
  };
}
