/** File-system steps that the durability of the log rests on. Everything is 0600 in 0700. */
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  openSync,
  readSync,
  renameSync,
  type Stats,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { type FileHandle, mkdir, open, rename, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { TallyError } from '../../core/error.ts';
import { LIMITS } from '../../core/limits.ts';

export const FILE_MODE = 0o600;
export const DIRECTORY_MODE = 0o700;

/** A name is durable only when its directory is: without this a crash can lose a file whose bytes were fsynced. */
export async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The same at once, for the last moment of a process. */
export function syncDirectoryNow(path: string): void {
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Makes `path` and its missing parents, each durable in its own parent. */
export async function makeDirectory(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode: DIRECTORY_MODE });
  if (first === undefined) return;
  for (let made = path; ; made = dirname(made)) {
    await syncDirectory(dirname(made));
    if (made === first) return;
  }
}

export async function writeAll(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, null);
    done += bytesWritten;
  }
}

/** Fills `into` from `position` on, as far as the file goes; returns how far that was. */
export async function readFully(handle: FileHandle, into: Uint8Array, position: number): Promise<number> {
  let done = 0;
  while (done < into.length) {
    const { bytesRead } = await handle.read(into, done, into.length - done, position + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return done;
}

/** For reading. Undefined when there is no plain file: a pipe under its name must not make us wait, a device not read on for ever. */
export async function openPlain(path: string): Promise<FileHandle | undefined> {
  let handle: FileHandle;
  try {
    handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (errno(error) === 'ENOENT') return undefined;
    throw readError(error, `cannot read ${path}`);
  }
  if ((await handle.stat()).isFile()) return handle;
  await handle.close();
  return undefined;
}

/**
 * The bytes of a plain file. Throws `LOG_DAMAGED` for anything else under that name, without waiting for it, and for one
 * larger than any that this program writes: a directory may come from somebody who wants its reader to hang.
 */
export async function readPlain(path: string, name: string): Promise<Uint8Array> {
  const small = readNow(path, name);
  if (small !== undefined) return small;
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const bytes = Buffer.alloc(sizeOf(await handle.stat(), name));
    return bytes.subarray(0, await readFully(handle, bytes, 0));
  } finally {
    await handle.close();
  }
}

/**
 * Of a file of some kilobytes, which is mostly in memory, the four trips to another thread and back take ten times as long
 * as the reading, and a start reads dozens. Undefined: it is larger, and not worth holding up everything else.
 */
function readNow(path: string, name: string): Uint8Array | undefined {
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const size = sizeOf(fstatSync(file), name);
    if (size > NOW_BYTES) return undefined;
    const bytes = Buffer.alloc(size);
    let done = 0;
    for (let read = -1; read !== 0 && done < size; done += read)
      read = readSync(file, bytes, done, size - done, done);
    return bytes.subarray(0, done);
  } finally {
    closeSync(file);
  }
}

const NOW_BYTES = 64 * 1024;

function sizeOf(found: Stats, name: string): number {
  if (!found.isFile()) throw strange(`${name} is no plain file`);
  if (found.size > LIMITS.storedFileBytes)
    throw strange(`${name} has ${found.size} bytes, more than any file of a log can have`);
  return found.size;
}

function strange(what: string): TallyError {
  return new TallyError('LOG_DAMAGED', what, {
    hint: 'this program did not make it: keep the directory as it is, and take the log from elsewhere',
  });
}

let temporary = 0;

/**
 * Names beside `path`, for whoever tries them until nothing lies under one. A process that was killed leaves what it was
 * writing, and the next one may have its number (in a container it mostly does) and count as it did. What lies there is
 * not touched: the same number in another container may be alive.
 */
function* namesBeside(path: string, mark = ''): Generator<string> {
  for (let tries = 0; tries < LIMITS.leftoverFiles; tries++)
    yield `${path}.${process.pid}-${mark}${temporary++}.tmp`;
}

function noneFree(path: string): TallyError {
  return new TallyError(
    'LOG_WRITE_FAILED',
    `cannot write ${path}: ${LIMITS.leftoverFiles} files beside it are what processes that were killed left behind`,
    { hint: `remove the files that end with .tmp in ${dirname(path)}, then start the recorder again` },
  );
}

async function openBeside(path: string): Promise<{ readonly beside: string; readonly handle: FileHandle }> {
  for (const beside of namesBeside(path)) {
    try {
      return { beside, handle: await open(beside, 'wx', FILE_MODE) };
    } catch (error) {
      if (errno(error) !== 'EEXIST') throw error;
    }
  }
  throw noneFree(path);
}

function openBesideNow(path: string): { readonly beside: string; readonly fd: number } {
  for (const beside of namesBeside(path, 'n')) {
    try {
      return { beside, fd: openSync(beside, 'wx', FILE_MODE) };
    } catch (error) {
      if (errno(error) !== 'EEXIST') throw error;
    }
  }
  throw noneFree(path);
}

/** Writes beside `path` and renames over it. The directory is not yet synced: the caller does that once a batch. */
export async function replaceFile(path: string, bytes: Uint8Array, durable: boolean): Promise<void> {
  const { beside, handle } = await openBeside(path);
  try {
    await writeAll(handle, bytes);
    if (durable) await handle.sync();
  } catch (error) {
    await handle.close();
    await unlink(beside).catch((cleanup: unknown) => {
      throw new AggregateError([error, cleanup], `cannot write ${path}`);
    });
    throw error;
  }
  await handle.close();
  await rename(beside, path);
}

/** The same on the calling thread, for one that has nothing else to do. Its names are no other thread's. */
export function replaceFileNow(path: string, bytes: Uint8Array, durable: boolean): void {
  const { beside, fd } = openBesideNow(path);
  try {
    try {
      for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done, bytes.length - done);
      if (durable) fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(beside, path);
  } catch (error) {
    try {
      unlinkSync(beside);
    } catch (cleanup) {
      throw new AggregateError([error, cleanup], `cannot write ${path}`);
    }
    throw error;
  }
}

export function errno(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/**
 * Turns what the kernel says of a reading into what a person can act on: nothing is wrong with the log yet, and nothing
 * is to be written. What is no directory (or no file) where one belongs is no matter of access.
 */
export function readError(error: unknown, doing: string): TallyError {
  if (error instanceof TallyError) return error;
  const code = errno(error);
  const message = `${doing}: ${error instanceof Error ? error.message : String(error)}`;
  if (code === 'ENOTDIR' || code === 'EISDIR')
    return new TallyError('LOG_DAMAGED', message, {
      hint: 'this program did not put that there: keep it as it is, and put what belongs there back from a backup',
      cause: error,
    });
  if (code !== 'EACCES' && code !== 'EPERM')
    return new TallyError('LOG_UNREADABLE', message, {
      hint: 'check the disk (`dmesg`), then ask again: what cannot be read is not shown to be right or wrong',
      cause: error,
    });
  const uid = process.geteuid?.();
  return new TallyError('LOG_UNREADABLE', message, {
    hint: `give this user${uid === undefined ? '' : ` (id ${uid})`} read access to it and to the directories above it, or ask as the user it belongs to: what cannot be read is not shown to be right or wrong`,
    cause: error,
  });
}

/** Turns what the kernel says of a writing into what a person can act on. */
export function storeError(error: unknown, doing: string): TallyError {
  if (error instanceof TallyError) return error;
  const code = errno(error);
  const message = `${doing}: ${error instanceof Error ? error.message : String(error)}`;
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new TallyError('LOG_FULL', message, {
        hint: 'free disk space, then start the recorder again: it replays from what is on disk',
        cause: error,
      });
    case 'EROFS':
    case 'EACCES':
    case 'EPERM':
      return new TallyError('LOG_READ_ONLY', message, {
        hint: 'make the log directory writable for this user (files 0600 in directories 0700); `tally doctor` names it',
        cause: error,
      });
    default:
      return new TallyError('LOG_WRITE_FAILED', message, {
        hint: 'check the disk (`dmesg`, `tally doctor`), then start the recorder again: it replays from what is on disk',
        cause: error,
      });
  }
}
