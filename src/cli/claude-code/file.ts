/** Files that Claude Code reads: replaced as a whole, with what they were beside them, and only if nobody else changed them. */
import { constants } from 'node:fs';
import { chmod, copyFile, lstat, mkdir, open, readFile, realpath, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { TallyError } from '../../core/error.ts';
import { errno } from '../../store/file/fs.ts';

export interface SettingsFile {
  /** Where it really is: a link that somebody made stays one. */
  readonly path: string;
  /** Undefined: it is not there. */
  readonly text: string | undefined;
  readonly mode: number | undefined;
}

export const BACKUP = '.tally-backup';
const MOST_BYTES = 16 * 1024 * 1024;

/** Throws BAD_CONFIG for what is no plain file that can be read. */
export async function readFileAt(named: string): Promise<SettingsFile> {
  let path = named;
  try {
    path = await realpath(named);
  } catch (error) {
    if (errno(error) !== 'ENOENT') throw unusable(named, error);
    const link = await lstat(named).catch(() => undefined);
    if (link !== undefined) throw unusable(named, 'it is a link to nothing');
    return { path: named, text: undefined, mode: undefined };
  }
  try {
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stat = await handle.stat();
      if (!stat.isFile()) throw new Error('it is no file');
      if (stat.size > MOST_BYTES) throw new Error('it is larger than any settings');
      return { path, text: await handle.readFile('utf8'), mode: stat.mode & 0o777 };
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw unusable(path, error);
  }
}

/**
 * Durable when it resolves; readers have the old file or the new one. `text` undefined: it is removed. `secret`: 0600,
 * whatever it was. Throws BAD_CONFIG when it is not the file any more that was read.
 */
export async function replaceSettings(
  file: SettingsFile,
  text: string | undefined,
  secret: boolean,
): Promise<void> {
  const { path } = file;
  try {
    await mkdir(dirname(path), { recursive: true });
    if (file.text !== undefined) {
      await copyFile(path, `${path}${BACKUP}`);
      await chmod(`${path}${BACKUP}`, 0o600);
    }
    const beside = `${path}.${process.pid}.tally-tmp`;
    try {
      if (text !== undefined) {
        const handle = await open(beside, 'wx', 0o600);
        try {
          await handle.writeFile(text);
          await handle.chmod(secret ? 0o600 : (file.mode ?? 0o644));
          await handle.sync();
        } finally {
          await handle.close();
        }
      }
      await requireSame(file);
      if (text === undefined) await rm(path);
      else await rename(beside, path);
    } finally {
      await rm(beside, { force: true });
    }
  } catch (error) {
    if (error instanceof TallyError) throw error;
    throw unusable(path, error);
  }
}

async function requireSame({ path, text }: SettingsFile): Promise<void> {
  let now: string | undefined;
  try {
    now = await readFile(path, 'utf8');
  } catch (error) {
    if (errno(error) !== 'ENOENT') throw error;
  }
  if (now === text) return;
  throw new TallyError('BAD_CONFIG', `${path} was changed by somebody else meanwhile, so it was left alone`, {
    hint: 'the same command again',
  });
}

function unusable(path: string, cause: unknown): TallyError {
  const why = cause instanceof Error ? (errno(cause) ?? cause.message) : String(cause);
  return new TallyError('BAD_CONFIG', `${path} cannot be changed, and was not: ${why}`, {
    hint: `ls -l ${path}`,
    cause,
  });
}
