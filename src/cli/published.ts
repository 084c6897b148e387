/**
 * A directory that others read: ordinary modes (as the umask allows), each file replaced as a whole, and the checkpoint
 * only when everything it needs is on disk under its name.
 *
 * What is under way lies in `.publishing/`: a lock, which a publisher that is killed lets go, and files that have not
 * got their names yet. Readers have no use for it; it holds nothing that is not published.
 */
import { lstat, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { equalBytes } from '../core/bytes.ts';
import { TallyError } from '../core/error.ts';
import { LIMITS } from '../core/limits.ts';
import type { PublishedFile } from '../core/tlog/publish.ts';
import { errno, readPlain, storeError, syncDirectory, writeAll } from '../store/file/fs.ts';
import { tryLock } from '../store/file/lock.ts';

/** Where a publisher works; whoever finds it knows that one was at work there. */
export const WORK = '.publishing';

export async function readPublished(root: string, path: string): Promise<Uint8Array | undefined> {
  try {
    return await readPlain(join(root, path), path);
  } catch (error) {
    if (errno(error) === 'ENOENT' || errno(error) === 'ENOTDIR') return undefined;
    throw publishError(error, `cannot read ${path}`);
  }
}

/** As `storeError`, with what mends it here: no recorder is in trouble. */
export function publishError(error: unknown, doing: string): TallyError {
  if (error instanceof TallyError) return error;
  const { code, message } = storeError(error, doing);
  return new TallyError(code, message, {
    hint: 'give a directory that this user may write, with room for the whole log, and run it again: it goes on where it stopped',
    cause: error,
  });
}

export interface Publisher {
  /**
   * Puts the files under their names, in no order among themselves. A file that is there with these bytes is left alone.
   * What a power cut leaves under a name is whole, but only `sync` makes the names last.
   */
  put(files: readonly PublishedFile[]): Promise<void>;
  /** Every name put so far is durable. Belongs before the checkpoint, and after it. */
  sync(): Promise<void>;
  readonly written: number;
  readonly kept: number;
  close(): Promise<void>;
}

/** Makes the directory where there is none. Throws `LOG_LOCKED` while another program publishes there. */
export async function openPublisher(root: string): Promise<Publisher> {
  const work = join(root, WORK);
  try {
    await mkdir(work, { recursive: true });
    // Whoever else may write in the target could have everything that is begun here written elsewhere.
    if ((await lstat(work)).isSymbolicLink())
      throw new TallyError('USAGE', `${work} is a symbolic link, which is not followed`, {
        hint: 'remove it, and see who may write in that directory',
      });
  } catch (error) {
    throw publishError(error, `cannot make ${work}`);
  }
  const lock = tryLock(join(work, 'lock.sqlite'));
  if (lock === undefined)
    throw new TallyError('LOG_LOCKED', `another program publishes into ${root} right now`, {
      hint: 'wait until it has ended; one that was killed holds nothing',
    });
  /** Directories with new names in them. */
  const touched = new Set<string>();
  const made = new Set<string>();
  let temporary = 0;
  let written = 0;
  let kept = 0;

  async function directory(path: string): Promise<void> {
    if (made.has(path)) return;
    const first = await mkdir(path, { recursive: true });
    for (let at = path; first !== undefined; at = dirname(at)) {
      touched.add(dirname(at));
      if (at === first) break;
    }
    made.add(path);
  }

  async function putOne({ path, bytes }: PublishedFile): Promise<void> {
    const stored = await readPublished(root, path);
    if (stored !== undefined && equalBytes(stored, bytes)) {
      // A publisher that was killed may have put it there and not made its name last.
      touched.add(dirname(join(root, path)));
      kept++;
      return;
    }
    const target = join(root, path);
    const beside = join(work, `${temporary++}.tmp`);
    await directory(dirname(target));
    // What a killed publisher left there is not written to, nor what a link of that name points to.
    await rm(beside, { force: true });
    const handle = await open(beside, 'wx');
    try {
      await writeAll(handle, bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(beside, target);
    touched.add(dirname(target));
    written++;
  }

  return {
    get written() {
      return written;
    },
    get kept() {
      return kept;
    },
    async put(files) {
      for (let at = 0; at < files.length; at += LIMITS.publishedAtOnce) {
        try {
          await Promise.all(files.slice(at, at + LIMITS.publishedAtOnce).map(putOne));
        } catch (error) {
          throw publishError(error, `cannot write into ${root}`);
        }
      }
    },
    async sync() {
      const paths = [...touched];
      touched.clear();
      try {
        for (const path of paths) await syncDirectory(path);
      } catch (error) {
        throw publishError(error, `cannot write into ${root}`);
      }
    },
    async close() {
      try {
        for (const name of await readdir(work)) if (name.endsWith('.tmp')) await rm(join(work, name));
      } finally {
        lock.release();
      }
    },
  };
}

/**
 * Takes away partial tiles and bundles whose full one is there, as C2SP tlog-tiles allows. Gives their number. Readers
 * that still hold an older checkpoint have to take the full one instead.
 */
export async function prunePublished(root: string): Promise<number> {
  let pruned = 0;
  try {
    for (const found of await readdir(join(root, 'tile'), { recursive: true, withFileTypes: true })) {
      if (!found.isDirectory() || !found.name.endsWith('.p')) continue;
      const partials = join(found.parentPath, found.name);
      if (!(await isFile(partials.slice(0, -'.p'.length)))) continue;
      pruned += (await readdir(partials)).length;
      await rm(partials, { recursive: true });
    }
  } catch (error) {
    if (errno(error) === 'ENOENT') return pruned;
    throw publishError(error, `cannot take old partial tiles out of ${root}`);
  }
  return pruned;
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch (error) {
    if (errno(error) === 'ENOENT') return false;
    throw error;
  }
}
