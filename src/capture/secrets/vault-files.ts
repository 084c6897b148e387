/**
 * Files that hold credentials: who may own them, how they are replaced, how two writers keep out of each other's way.
 * Everything is 0600 in 0700 and belongs to the user we run as. A file that others could have read or written is
 * refused rather than repaired: whoever could touch it may already have.
 */
import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname, resolve } from 'node:path';
import { TallyError } from '../../core/error.ts';
import { LIMITS } from '../../core/limits.ts';
import type { SecretErrorKind } from '../../core/secret-errors.ts';

const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;

function errno(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** `kind`: how the record of an access says it. */
export function vaultError(
  message: string,
  hint: string,
  cause?: unknown,
  kind: SecretErrorKind = 'vault_unreadable',
): TallyError {
  return new TallyError('VAULT_UNREADABLE', message, { hint, cause, details: { kind } });
}

function writeError(
  message: string,
  hint: string,
  cause: unknown,
  kind: SecretErrorKind = 'vault_write_failed',
): TallyError {
  return new TallyError('VAULT_WRITE_FAILED', `${message} (${errno(cause) ?? 'unknown error'})`, {
    hint,
    cause,
    details: { kind },
  });
}

function requirePrivate(path: string, stat: Pick<Stats, 'uid' | 'mode'>, wanted: string): void {
  const uid = process.geteuid?.();
  if (uid === undefined) return;
  if (stat.uid !== uid)
    throw vaultError(
      `${path} belongs to user ${stat.uid}, not to the user this runs as (${uid})`,
      `run as its owner, or after checking its content: chown ${uid} '${path}'`,
      undefined,
      'vault_exposed',
    );
  if ((stat.mode & 0o077) !== 0)
    throw vaultError(
      `${path} can be reached by other users (mode ${(stat.mode & 0o777).toString(8)})`,
      `treat its values as known to others and rotate them; then: chmod ${wanted} '${path}'`,
      undefined,
      'vault_exposed',
    );
}

/** Makes the directory and its missing parents, each durable in its own parent. */
export function makePrivateDirectory(path: string): void {
  let first: string | undefined;
  try {
    first = mkdirSync(path, { recursive: true, mode: DIRECTORY_MODE });
  } catch (error) {
    throw writeError(`cannot make ${path}`, 'make its parent writable for this user', error);
  }
  if (first === undefined) return;
  for (let made = resolve(path); ; made = dirname(made)) {
    syncDirectory(dirname(made));
    if (made === resolve(first)) return;
  }
}

export function requirePrivateDirectory(path: string): void {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat !== undefined) requirePrivate(path, stat, '700');
}

/**
 * The whole file, or undefined when there is none. The checks look at the very file that is read, and a symbolic link
 * is not followed: otherwise somebody who can write the directory decides what is read.
 */
export function readPrivate(path: string, maxBytes: number): Buffer | undefined {
  let handle: number;
  try {
    // A pipe under its name must not make us wait: what is no file is told below.
    handle = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (errno(error) === 'ENOENT') return undefined;
    if (errno(error) === 'ELOOP')
      throw vaultError(`${path} is a symbolic link`, 'put the file itself there', error);
    throw vaultError(`cannot open ${path} (${errno(error)})`, `ls -l '${path}' shows who may read it`, error);
  }
  try {
    const stat = fstatSync(handle);
    if (!stat.isFile()) throw vaultError(`${path} is not a file`, 'move it away');
    requirePrivate(path, stat, '600');
    if (stat.size > maxBytes)
      throw vaultError(`${path} has ${stat.size} bytes, more than ${maxBytes}`, 'restore it from a backup');
    return readFileSync(handle);
  } finally {
    closeSync(handle);
  }
}

function writeAll(handle: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(handle, bytes, done, bytes.length - done);
}

function syncDirectory(path: string): void {
  const handle = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

function writeBeside(beside: string, bytes: Uint8Array): void {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW;
  const handle = openSync(beside, flags, FILE_MODE);
  try {
    fchmodSync(handle, FILE_MODE);
    writeAll(handle, bytes);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/**
 * A reader sees the old file or the new one. Durable when it returns. The caller holds the writers' lock, so the name
 * of the temporary file is fixed and one that a crash left behind is overwritten.
 */
export function replacePrivate(path: string, bytes: Uint8Array): void {
  const beside = `${path}.tmp`;
  try {
    writeBeside(beside, bytes);
    renameSync(beside, path);
    syncDirectory(dirname(path));
  } catch (error) {
    throw writeError(
      `cannot write ${path}`,
      'the old content is still in place; check the free space',
      error,
    );
  }
}

/**
 * A file that is not ours alone (a project’s): replaced whole, with the mode and owner that it has, 0600 when it is new.
 * The caller holds the writers' lock.
 */
export function replaceKeepingMode(path: string, bytes: Uint8Array): void {
  const beside = `${path}.tally.tmp`;
  try {
    const stat = statSync(path, { throwIfNoEntry: false });
    writeBeside(beside, bytes);
    if (stat !== undefined) {
      if (stat.uid !== process.geteuid?.()) chownSync(beside, stat.uid, stat.gid);
      chmodSync(beside, stat.mode & 0o777);
    }
    renameSync(beside, path);
    syncDirectory(dirname(path));
  } catch (error) {
    rmSync(beside, { force: true });
    throw writeError(`cannot write ${path}`, 'the old content is still in place; check its directory', error);
  }
}

/** Creates the file unless it is there, without ever replacing one: two processes that race end up with one content. */
export function createPrivate(path: string, bytes: Uint8Array): void {
  const beside = `${path}.${process.pid}.tmp`;
  try {
    writeBeside(beside, bytes);
    linkSync(beside, path);
    syncDirectory(dirname(path));
  } catch (error) {
    if (errno(error) !== 'EEXIST')
      throw writeError(`cannot create ${path}`, 'check the free space and the directory’s mode (700)', error);
  } finally {
    rmSync(beside, { force: true });
  }
}

/**
 * Runs `body` while no other process writes. Node has no flock, so the lock is an exclusive SQLite transaction on an
 * empty file: the kernel releases it when its holder dies, kill -9 included, which no lock file of our own would.
 * Blocks this thread while it waits; writers are commands of a person, not the broker.
 */
export async function withWriterLock<T>(path: string, body: () => T): Promise<T> {
  const { DatabaseSync } = await import('node:sqlite');
  const lockPath = `${path}.lock`;
  // SQLite would make it readable for others.
  if (statSync(lockPath, { throwIfNoEntry: false }) === undefined) createPrivate(lockPath, new Uint8Array(0));
  let lock: InstanceType<typeof DatabaseSync>;
  try {
    lock = new DatabaseSync(lockPath, { timeout: LIMITS.vaultLockMs });
  } catch (error) {
    throw writeError(`cannot lock ${path} for writing`, 'is its directory writable?', error);
  }
  try {
    try {
      lock.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
    } catch (error) {
      throw writeError(
        `cannot lock ${path} for writing`,
        'another process holds it: try again',
        error,
        'vault_busy',
      );
    }
    return body();
  } finally {
    // Ends the transaction too.
    lock.close();
  }
}
