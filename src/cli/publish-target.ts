/**
 * Where a log may be published: never among the files of this machine's own logs, nor above them, and never over anything
 * but an earlier publication.
 */
import { readdir, realpath } from 'node:fs/promises';
import { basename, dirname, join, sep } from 'node:path';
import { TallyError } from '../core/error.ts';
import type { Paths } from '../paths.ts';
import { errno } from '../store/file/fs.ts';
import { isBundle } from './export/is-bundle.ts';
import { publishError, WORK } from './published.ts';

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

/** What the entries of a log, or of a part of it, lie under where they are not published. */
const OF_A_LOG = ['log.json', 'entries', 'entries.jsonl'];

/**
 * Throws `USAGE` for a directory that holds anything and is no publication: a bundle, a log, or a checkpoint that somebody
 * keeps would lose its checkpoint to the one that is published. Which log's publication it is, is not looked at here.
 */
export async function requireFreeOrPublished(target: string): Promise<void> {
  const names = await namesIn(target);
  if (names === undefined) return;
  if (names.includes('manifest.json') && (await isBundle(target)))
    throw refused(`${target} holds a bundle of tally log export, which would lose its checkpoint`);
  const log = OF_A_LOG.find((name) => names.includes(name));
  if (log !== undefined)
    throw refused(`${target} holds ${log}, which belongs to a log and is no part of a publication`);
  // A publisher that was killed before its first checkpoint leaves its own directory.
  const begun = names.includes(WORK) || (names.includes('checkpoint') && names.includes('tile'));
  // Hidden files are what a web server, a file manager or version control keeps there.
  const other = begun ? undefined : names.find((name) => !name.startsWith('.'));
  if (other !== undefined)
    throw refused(`${target} holds ${other}, and it is no earlier publication of this log`);
}

/** undefined: there is no such directory yet; what else may be wrong is told when it is made. */
async function namesIn(directory: string): Promise<readonly string[] | undefined> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (errno(error) === 'ENOENT' || errno(error) === 'ENOTDIR') return undefined;
    throw publishError(error, `cannot read ${directory}`);
  }
}

function refused(why: string): TallyError {
  return new TallyError('USAGE', why, {
    hint: 'name another directory, a new or an empty one: tally log publish /srv/www/log',
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
