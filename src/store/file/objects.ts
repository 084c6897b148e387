import { readdir, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { invariant } from '../../core/error.ts';
import type { ObjectStore } from '../../core/ports.ts';
import { replaceFiles } from './files.ts';
import { errno, makeDirectory, readError, readPlain, storeError, syncDirectory } from './fs.ts';

function checkName(name: string): void {
  const bad = name === '' || name.split('/').some((part) => part === '' || part === '.' || part === '..');
  invariant(!bad, `object name ${JSON.stringify(name)}`);
}

/** Named objects as files below `root`. */
export function fileObjects(root: string): ObjectStore {
  const known = new Set<string>();

  async function directory(path: string): Promise<void> {
    if (known.has(path)) return;
    await makeDirectory(path);
    known.add(path);
  }

  async function putMany(
    objects: readonly (readonly [string, Uint8Array])[],
    durable: boolean,
  ): Promise<void> {
    const directories = new Set<string>();
    for (const [name] of objects) {
      checkName(name);
      directories.add(dirname(join(root, name)));
    }
    try {
      for (const path of directories) await directory(path);
      await replaceFiles(
        objects.map(([name, bytes]) => ({ path: join(root, name), bytes })),
        durable,
      );
      if (durable) await Promise.all([...directories].map(syncDirectory));
    } catch (error) {
      throw storeError(error, 'cannot write an object of the log');
    }
  }

  return {
    async get(name) {
      checkName(name);
      try {
        return await readPlain(join(root, name), name);
      } catch (error) {
        if (errno(error) === 'ENOENT' || errno(error) === 'ENOTDIR') return undefined;
        throw readError(error, `cannot read ${join(root, name)}`);
      }
    },
    put: (name, bytes, options) => putMany([[name, bytes]], options?.durable ?? true),
    putMany: (objects, options) => putMany(objects, options?.durable ?? true),
    async remove(name) {
      checkName(name);
      const path = join(root, name);
      try {
        await unlink(path);
      } catch (error) {
        if (errno(error) !== 'ENOENT' && errno(error) !== 'ENOTDIR')
          throw storeError(error, `cannot remove ${name}`);
      }
      try {
        // Also when it was gone: nobody knows whether that is durable.
        await syncDirectory(dirname(path));
      } catch (error) {
        if (errno(error) !== 'ENOENT' && errno(error) !== 'ENOTDIR')
          throw storeError(error, `cannot remove ${name}`);
      }
    },
    async list(prefix) {
      const base = prefix.includes('/') ? prefix.slice(0, prefix.lastIndexOf('/')) : '';
      try {
        const found = await readdir(join(root, base), { recursive: true, withFileTypes: true });
        return found
          .filter((file) => file.isFile() && !file.name.endsWith('.tmp'))
          .map((file) => join(file.parentPath, file.name).slice(join(root, '/').length))
          .filter((name) => name.startsWith(prefix))
          .sort();
      } catch (error) {
        if (errno(error) === 'ENOENT') return [];
        throw readError(error, `cannot list ${join(root, base)}`);
      }
    },
  };
}
