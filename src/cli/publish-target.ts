/** Where a log may be published: never among the files of this machine's own logs, nor above them. */
import { realpath } from 'node:fs/promises';
import { basename, dirname, join, sep } from 'node:path';
import { TallyError } from '../core/error.ts';
import type { Paths } from '../paths.ts';
import { errno } from '../store/file/fs.ts';

/**
 * Throws `USAGE` for a directory in or above the state of this machine, or in the log itself. In a log directory the
 * publisher would put a checkpoint in the place of a newer one that the recorder signed meanwhile; above the state, a web
 * server that is given the directory would hand out the private keys. `target` need not exist.
 */
export async function requirePublishTarget(target: string, paths: Paths, log: string): Promise<void> {
  const place = await realPlace(target);
  const { state, logs, heads, keys, vault, registry } = paths;
  const own = [logs, heads, keys, vault, registry, join(state, 'witness'), log];
  for (const directory of own) {
    if (isInside(place, await realPlace(directory)))
      throw refused(`${target} lies in ${directory}, where this program keeps its own files`);
  }
  if (isInside(await realPlace(keys), place))
    throw refused(`${target} holds ${keys}: whoever serves it would hand out the private keys`);
}

function refused(why: string): TallyError {
  return new TallyError('USAGE', why, {
    hint: 'give a directory that holds nothing else: tally log publish /srv/www/log',
  });
}

function isInside(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory.endsWith(sep) ? directory : directory + sep);
}

/** With every link followed, as far as the path is there. */
async function realPlace(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (errno(error) !== 'ENOENT' || dirname(path) === path) return path;
    return join(await realPlace(dirname(path)), basename(path));
  }
}
