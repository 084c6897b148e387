import {
  closeSync,
  constants,
  existsSync,
  fdatasync,
  fdatasyncSync,
  fstatSync,
  openSync,
  writeSync,
} from 'node:fs';
import { type FileHandle, open, readdir, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { invariant } from '../../core/error.ts';
import type { LogStore } from '../../core/ports.ts';
import { sealedIsFinal } from '../../core/sealed/refusal.ts';
import { FILE_MODE, makeDirectory, storeError, syncDirectory, syncDirectoryNow, writeAll } from './fs.ts';
import { hashFrom } from './hashed.ts';
import { type InPlace, watchInPlace } from './in-place.ts';
import { namesIn, sealedName, segmentName } from './names.ts';
import { fileReader } from './reader.ts';
import { removeSegmentsBefore } from './remove.ts';

const fdatasyncAsync = promisify(fdatasync);

/**
 * A flush that takes less than this is hardly dearer than a trip through the thread pool, so it runs on the calling
 * thread; a slower disk gets the thread pool, which keeps the event loop free.
 */
const FAST_FLUSH_MS = 1;
/** Flushes that count in the moving average. A checkpoint beside them makes a few slow ones on any disk. */
const AVERAGED = 16;
/** Appends through the thread pool before the disk is tried again. Only a flush on this thread can be timed. */
const APPENDS_TO_TRIAL = 64;

/** A pipe that somebody put under the name must not make the writer wait for its other end. */
const APPENDING = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK;

/** The embedded store: the log of one tenant as files in `directory`. The caller holds the writer's lock. */
export async function openFileStore(directory: string): Promise<LogStore> {
  const entries = join(directory, 'entries');
  const reader = fileReader(directory);
  let fd: number | undefined;
  let place: InPlace | undefined;
  let flushMs = 0;
  let inPool = 0;

  try {
    await makeDirectory(entries);
  } catch (error) {
    throw storeError(error, 'cannot make the log directory');
  }

  function writeNow(target: number, bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; ) done += writeSync(target, bytes, done, bytes.length - done);
  }

  function appendNow(target: number, bytes: Uint8Array): void {
    writeNow(target, bytes);
    fdatasyncSync(target);
  }

  /** The write goes to the page cache and takes microseconds; only the disk is worth waiting for elsewhere. */
  async function appendInPool(target: number, bytes: Uint8Array): Promise<void> {
    writeNow(target, bytes);
    await fdatasyncAsync(target);
  }

  /** Also where the plain form still lies beside it: without that, the sealed one would count again. */
  async function refuseSealed(first: number): Promise<void> {
    if ((await namesIn(entries)).includes(sealedName(first))) throw sealedIsFinal(first);
  }

  function closeSegment(): void {
    if (fd !== undefined) closeSync(fd);
    fd = undefined;
  }

  return {
    ...reader,
    objects: reader.objects as LogStore['objects'],
    async openSegment(first) {
      closeSegment();
      try {
        await refuseSealed(first);
        const path = join(entries, segmentName(first));
        fd = openSync(path, APPENDING, FILE_MODE);
        // What is in it was written after its name was durable: of one that goes on there is nothing to wait for.
        if (fstatSync(fd).size === 0) await syncDirectory(entries);
        place = watchInPlace(fd, path);
      } catch (error) {
        throw storeError(error, 'cannot open the segment for writing');
      }
    },
    async append(bytes) {
      invariant(fd !== undefined, 'append before openSegment');
      try {
        if (inPool > 0) {
          inPool--;
          await appendInPool(fd, bytes);
          place?.appended(bytes.length);
          return;
        }
        const started = performance.now();
        appendNow(fd, bytes);
        const took = performance.now() - started;
        // One fast flush ends a time in the pool; one slow flush does not begin it.
        flushMs = flushMs > FAST_FLUSH_MS ? took : flushMs + (took - flushMs) / AVERAGED;
        if (flushMs > FAST_FLUSH_MS) inPool = APPENDS_TO_TRIAL;
        place?.appended(bytes.length);
      } catch (error) {
        throw storeError(error, 'cannot append to the log');
      }
    },
    async setAside(first, offset) {
      closeSegment();
      try {
        await refuseSealed(first);
        return await moveTail(entries, first, offset);
      } catch (error) {
        throw storeError(error, 'cannot set the torn tail aside');
      }
    },
    async seal(first, signal) {
      try {
        const { sealSegment } = await import('./seal.ts');
        await sealSegment(entries, first, signal);
      } catch (error) {
        signal?.throwIfAborted();
        throw storeError(error, `cannot seal segment ${first}`);
      }
    },
    async removeBefore(to) {
      try {
        await removeSegmentsBefore(entries, to);
      } catch (error) {
        throw storeError(error, `cannot remove the segments before entry ${to}`);
      }
    },
    lastly: {
      openSegment(first) {
        closeSegment();
        if (existsSync(join(entries, sealedName(first)))) throw sealedIsFinal(first);
        const path = join(entries, segmentName(first));
        fd = openSync(path, APPENDING, FILE_MODE);
        syncDirectoryNow(entries);
      },
      // Without a look at the file: where an append is under way its end is not known.
      append(bytes) {
        invariant(fd !== undefined, 'append before openSegment');
        appendNow(fd, bytes);
      },
    },
    async close() {
      closeSegment();
    },
  };
}

/** Copies, makes the copy durable, and only then cuts: a crash in between leaves the tail twice, never nowhere. */
async function moveTail(entries: string, first: number, offset: number) {
  const prefix = `${segmentName(first)}.torn-`;
  // Behind the highest, not as many as there are: where one was taken away, a rename would replace another.
  const taken = (await readdir(entries)).map((name) =>
    name.startsWith(prefix) ? Number(name.slice(prefix.length)) : -1,
  );
  const name = `${prefix}${Math.max(-1, ...taken.filter(Number.isSafeInteger)) + 1}`;
  if (offset === 0) return moveWhole(entries, segmentName(first), name);
  const source = await open(join(entries, segmentName(first)), 'r+');
  try {
    const copied = await copyTo(join(entries, name), source, offset);
    await syncDirectory(entries);
    await source.truncate(offset);
    await source.sync();
    return { name, ...copied };
  } finally {
    await source.close();
  }
}

/** A copy that could not be made whole is taken away again: a full disk must not breed files that say nothing. */
async function copyTo(path: string, source: FileHandle, offset: number) {
  const target: FileHandle = await open(path, 'wx', FILE_MODE);
  try {
    const copied = await hashFrom(source, offset, (bytes) => writeAll(target, bytes));
    await target.sync();
    return copied;
  } catch (error) {
    await unlink(path);
    throw error;
  } finally {
    await target.close();
  }
}

/**
 * A segment without one good line goes as a whole. Its bytes may be the kernel's alone, of a process that was killed before
 * its flush: what the log is about to tell of them must outlive the machine too.
 */
async function moveWhole(entries: string, from: string, name: string) {
  const source = await open(join(entries, from), 'r');
  try {
    const told = await hashFrom(source, 0);
    await source.sync();
    await rename(join(entries, from), join(entries, name));
    await syncDirectory(entries);
    return { name, ...told };
  } finally {
    await source.close();
  }
}
