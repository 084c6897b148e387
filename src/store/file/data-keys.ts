import { constants } from 'node:fs';
import { open, readdir, readFile, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { invariant, TallyError } from '../../core/error.ts';
import { KEY_ID } from '../../core/payload/key-names.ts';
import type { DataKeyStore } from '../../core/ports.ts';
import { errno, makeDirectory, replaceFile, storeError, syncDirectory, writeAll } from './fs.ts';

const SUFFIX = '.json';

/** Wrapped data keys as files of `directory`, which lies outside of every log. */
export function fileDataKeys(directory: string): DataKeyStore {
  let made = false;

  function pathOf(keyId: string): string {
    invariant(KEY_ID.test(keyId), `data key ${JSON.stringify(keyId)}`);
    return join(directory, `${keyId}${SUFFIX}`);
  }

  return {
    async get(keyId) {
      try {
        return await readFile(pathOf(keyId));
      } catch (error) {
        if (errno(error) === 'ENOENT') return undefined;
        throw unreadable(error, `cannot read the data key ${keyId}`);
      }
    },
    async put(keyId, bytes) {
      const path = pathOf(keyId);
      try {
        if (!made) await makeDirectory(directory);
        made = true;
        await replaceFile(path, bytes, true);
        await syncDirectory(directory);
      } catch (error) {
        throw storeError(error, 'cannot store a data key');
      }
    },
    async erase(keyId) {
      const path = pathOf(keyId);
      try {
        // Written over first: where a file system writes in place, its old blocks would keep the key.
        const handle = await open(path, constants.O_WRONLY | constants.O_NOFOLLOW);
        try {
          await writeAll(handle, Buffer.alloc((await handle.stat()).size));
          await handle.sync();
        } finally {
          await handle.close();
        }
        await unlink(path);
        await syncDirectory(directory);
      } catch (error) {
        if (errno(error) !== 'ENOENT') throw storeError(error, `cannot erase the data key ${keyId}`);
      }
    },
    async list() {
      try {
        const names = await readdir(directory);
        return names
          .filter((name) => name.endsWith(SUFFIX))
          .map((name) => name.slice(0, -SUFFIX.length))
          .filter((name) => KEY_ID.test(name))
          .sort();
      } catch (error) {
        if (errno(error) === 'ENOENT') return [];
        throw unreadable(error, `cannot list ${directory}`);
      }
    },
  };
}

/** Keys are no part of the log: nothing is said about that. */
function unreadable(error: unknown, doing: string): TallyError {
  return new TallyError('BAD_CONFIG', `${doing}: ${error instanceof Error ? error.message : String(error)}`, {
    hint: 'payloads are read by the user who records them, on the machine with the keys',
    cause: error,
  });
}
