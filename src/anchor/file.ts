/**
 * Another directory as an anchor: another disk, a mount, a bucket that lets nothing be changed. It works where files can
 * only be made: nothing is renamed, replaced or deleted but `latest`, and that is a convenience.
 *
 *     <path>/<origin>/<size>.checkpoint      <path>/<origin>/latest
 */
import { mkdir, open, readdir, readFile, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeUtf8, equalBytes } from '../core/bytes.ts';
import { TallyError } from '../core/error.ts';
import { LIMITS } from '../core/limits.ts';
import type { AnchorDriver } from './driver.ts';
import { directoryOf, readCheckpoint, requireContinuation } from './earlier.ts';

const NAME = /^(0|[1-9]\d{0,15})(?:\.(\d))?\.checkpoint$/;

/** The receipt has no time: the clock of that file system is anybody's. */
export function createFileAnchor({
  name,
  path,
}: {
  readonly name: string;
  readonly path: string;
}): AnchorDriver {
  return {
    name,
    type: 'file',
    async anchor(subject, signal) {
      const directory = join(path, directoryOf(subject.origin));
      try {
        // A mount that is not there shall not be replaced by a directory of its name on the disk of the log.
        await stat(path);
        await mkdir(directory, { recursive: true });
        for (const file of await newestFirst(directory)) {
          signal.throwIfAborted();
          const held = readCheckpoint(await readBounded(join(directory, file)));
          if (held === undefined) continue;
          await requireContinuation(path, held, subject);
          break;
        }
        signal.throwIfAborted();
        const file = await writeOnce(directory, subject.size, subject.note);
        await replaceLatest(directory, subject.note);
        return { suffix: 'txt', bytes: encodeUtf8(`${join(directory, file)}\n`) };
      } catch (error) {
        throw asFailure(path, error);
      }
    },
    async *heads(origin) {
      const directory = join(path, directoryOf(origin));
      // Not mounted is another answer than empty.
      await stat(path).catch((error: unknown) => {
        throw asFailure(path, error);
      });
      let others = 0;
      for (const file of await newestFirst(directory).catch((error: unknown) => absent(path, error))) {
        const note = await readBounded(join(directory, file));
        if (readCheckpoint(note) !== undefined) yield note;
        // A crash leaves one now and then; whoever may write there, any number.
        else if (++others > LIMITS.anchorHeads) throw crowded(directory);
      }
    },
  };
}

async function newestFirst(directory: string): Promise<readonly string[]> {
  const sizeOf = (file: string): number => Number(NAME.exec(file)?.[1] ?? 0);
  return (await readdir(directory)).filter((file) => NAME.test(file)).sort((a, b) => sizeOf(b) - sizeOf(a));
}

/** The directory is shared with whoever else may write there. */
async function readBounded(path: string): Promise<Uint8Array> {
  const found = await stat(path);
  return found.isFile() && found.size <= LIMITS.noteBytes ? readFile(path) : new Uint8Array();
}

/** Resolved: a file of that size holds exactly `note`, and is durable. No file is ever written to twice. */
async function writeOnce(directory: string, size: number, note: Uint8Array): Promise<string> {
  for (let n = 0; n <= LIMITS.fileAnchorTries; n++) {
    const file = n === 0 ? `${size}.checkpoint` : `${size}.${n}.checkpoint`;
    try {
      await write(join(directory, file), 'wx', note);
      await syncWherePossible(directory);
      return file;
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
      if (equalBytes(await readBounded(join(directory, file)), note)) return file;
    }
  }
  throw new TallyError(
    'ANCHOR_FAILED',
    `${directory} holds ${LIMITS.fileAnchorTries + 1} files for ${size} entries`,
    {
      hint: 'look at them: each is another signature over the same tree, or was cut short',
    },
  );
}

/** Its bytes are durable afterwards; its name is not yet. */
async function write(path: string, flags: 'w' | 'wx', bytes: Uint8Array): Promise<void> {
  const handle = await open(path, flags, 0o600);
  try {
    await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** For people and scripts. One fixed name beside it, so that a place without renaming collects one leftover at most. */
async function replaceLatest(directory: string, note: Uint8Array): Promise<void> {
  const beside = join(directory, 'latest.tmp');
  try {
    await write(beside, 'w', note);
    await rename(beside, join(directory, 'latest'));
    await syncWherePossible(directory);
  } catch (error) {
    if (!CANNOT_REPLACE.has(codeOf(error) ?? '')) throw error;
  }
}

/** What places that only take new files answer to being asked for more. */
const CANNOT_REPLACE: ReadonlySet<string> = new Set([
  'EACCES',
  'EPERM',
  'EROFS',
  'EEXIST',
  'ENOTSUP',
  'EOPNOTSUPP',
  'ENOSYS',
  'EINVAL',
]);

/** Some mounts cannot sync a directory; their files are then as durable as the mount makes them. */
async function syncWherePossible(directory: string): Promise<void> {
  try {
    const handle = await open(directory, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (!CANNOT_REPLACE.has(codeOf(error) ?? '')) throw error;
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

function crowded(directory: string): TallyError {
  return new TallyError(
    'ANCHOR_FAILED',
    `${directory} holds more than ${LIMITS.anchorHeads} files with names of checkpoints that are none`,
    { hint: 'find out who writes there, and take them away: only this anchor should' },
  );
}

function absent(path: string, error: unknown): readonly string[] {
  if (codeOf(error) === 'ENOENT') return [];
  throw asFailure(path, error);
}

function asFailure(path: string, error: unknown): TallyError {
  if (error instanceof TallyError) return error;
  return new TallyError(
    'ANCHOR_FAILED',
    `${path} cannot be used: ${error instanceof Error ? error.message : String(error)}`,
    { hint: 'is it mounted, and may this user make files there?', cause: error },
  );
}
