/**
 * Reading without the thread pool. A caller that does nothing else meanwhile, such as a worker that verifies, gets a
 * hash tile for a tenth of what four round trips cost, and reads into memory that it uses again and again.
 */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { errno, readError } from './fs.ts';
import { segmentName } from './names.ts';

export interface SyncFile {
  /** The next bytes; 0 at the end. */
  read(into: Uint8Array): number;
  close(): void;
}

/** `other`: there is something else under its name. A pipe there must not make us wait for ever. */
function openFile(path: string): SyncFile | 'other' | undefined {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (errno(error) === 'ENOENT' || errno(error) === 'ENOTDIR') return undefined;
    throw readError(error, `cannot read ${path}`);
  }
  const close = (): void => closeSync(fd);
  if (!fstatSync(fd).isFile()) {
    close();
    return 'other';
  }
  return {
    read(into) {
      try {
        return readSync(fd, into, 0, into.length, null);
      } catch (error) {
        throw readError(error, `cannot read ${path}`);
      }
    },
    close,
  };
}

/** A segment that is not sealed, if it is there and a file. */
export function openPlainSync(directory: string, first: number): SyncFile | undefined {
  const file = openFile(join(directory, 'entries', segmentName(first)));
  return file === 'other' ? undefined : file;
}

/**
 * The first `most` bytes of a named object of a log. What is longer comes back one byte longer than it was asked for, so
 * that nobody takes it for whole; what is no file comes back empty.
 */
export function readObjectSync(directory: string, name: string, most: number): Uint8Array | undefined {
  const file = openFile(join(directory, name));
  if (file === undefined) return undefined;
  if (file === 'other') return new Uint8Array(0);
  try {
    const bytes = new Uint8Array(most + 1);
    let length = 0;
    for (let read = -1; read !== 0 && length < bytes.length; length += read)
      read = file.read(bytes.subarray(length));
    return bytes.subarray(0, length);
  } finally {
    file.close();
  }
}
