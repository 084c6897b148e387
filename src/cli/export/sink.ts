/** Where an export goes. A file gets its name only when it is whole. */
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, link, lstat, open, rename, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { TallyError } from '../../core/error.ts';
import { errno, syncDirectory, writeAll } from '../../store/file/fs.ts';
import type { Output } from '../output/stream.ts';
import { besideOf, sweepBeside } from './beside.ts';

export interface Written {
  readonly bytes: number;
  readonly sha256: string;
}

export interface Sink {
  /** Resolves when the next may come. Small writes are gathered. Throws when the disk or the reader refuses. */
  write(data: string | Uint8Array): Promise<void>;
  /** Everything is written and, in a file, durable under its name. */
  finish(): Promise<Written>;
  /** Nothing is left of a file. What a pipe has taken stays taken. Never throws. */
  abort(): Promise<void>;
  /** So far. */
  readonly bytes: number;
}

/** Writes of one line each would cost a call to the kernel a line. */
const BLOCK = 256 * 1024;
/** Entries are confidential, so what is made of them is. */
const MODE = 0o600;

/** Gathers, counts and hashes; `put` moves one block on. */
function gathering(put: (block: Buffer) => Promise<void>) {
  const hash = createHash('sha256');
  const block = Buffer.allocUnsafe(BLOCK);
  let held = 0;
  let bytes = 0;

  async function send(data: Buffer): Promise<void> {
    hash.update(data);
    bytes += data.length;
    await put(data);
  }

  async function flush(): Promise<void> {
    if (held === 0) return;
    const whole = block.subarray(0, held);
    held = 0;
    await send(whole);
  }

  return {
    get bytes() {
      return bytes;
    },
    flush,
    async write(data: string | Uint8Array): Promise<void> {
      const raw =
        typeof data === 'string' ? Buffer.from(data) : Buffer.from(data.buffer, data.byteOffset, data.length);
      if (held + raw.length > BLOCK) await flush();
      if (raw.length > BLOCK) return send(raw);
      block.set(raw, held);
      held += raw.length;
    },
    written: (): Written => ({ bytes, sha256: hash.digest('hex') }),
  };
}

/** `shown` makes text for a terminal out of what a program would get. */
export function outputSink(output: Output, shown: (text: string) => string): Sink {
  const gathered = gathering(async (block) => {
    // The stream keeps what it is given until it is taken; the block is filled again before.
    await output.write(output.isTTY ? shown(block.toString('utf8')) : Buffer.from(block));
    if (output.failure !== undefined)
      throw new TallyError(
        isFull(output.failure) ? 'LOG_FULL' : 'INTERNAL',
        `cannot write the output: ${output.failure.message}`,
        {
          hint: 'the output is not complete; check where it goes (disk full?)',
          cause: output.failure,
        },
      );
  });
  return {
    get bytes() {
      return gathered.bytes;
    },
    write: gathered.write,
    async finish() {
      await gathered.flush();
      return gathered.written();
    },
    abort: async () => undefined,
  };
}

/** Throws `USAGE` when `path` is there and may not be replaced, or cannot be written. */
export async function fileSink(path: string, force: boolean): Promise<Sink> {
  const there = await foundAt(path);
  if (!force && there !== undefined) throw exists(path);
  // A name goes to the new file: a device or a pipe would be gone, and a directory cannot.
  if (there === 'other')
    throw new TallyError('USAGE', `${path} is no plain file, and was left as it is`, {
      hint: 'to write into it: tally log export > it; otherwise give another name',
    });
  await sweepBeside(path);
  const beside = besideOf(path);
  let handle: FileHandle;
  try {
    handle = await open(
      beside,
      constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW,
      MODE,
    );
  } catch (error) {
    throw unwritable(path, error);
  }
  const gathered = gathering(async (block) => {
    try {
      await writeAll(handle, block);
    } catch (error) {
      throw unwritable(path, error);
    }
  });
  let over = false;

  async function abort(): Promise<void> {
    if (over) return;
    over = true;
    await handle.close().catch(() => undefined);
    await unlink(beside).catch(() => undefined);
  }

  return {
    get bytes() {
      return gathered.bytes;
    },
    write: gathered.write,
    abort,
    async finish() {
      try {
        await gathered.flush();
        await handle.sync();
        if (force) await rename(beside, path);
        else await nameNew(beside, path);
        over = true;
        await handle.close();
        await syncDirectory(dirname(path));
      } catch (error) {
        await abort();
        throw error instanceof TallyError ? error : unwritable(path, error);
      }
      return gathered.written();
    },
  };
}

/** A name that came into being meanwhile is not taken: a link fails where there is one. */
async function nameNew(beside: string, path: string): Promise<void> {
  try {
    await link(beside, path);
  } catch (error) {
    if (errno(error) === 'EEXIST') throw exists(path);
    // Disks without links (FAT, some mounts of other machines) leave a moment between the look and the name.
    if ((await foundAt(path)) !== undefined) throw exists(path);
    return rename(beside, path);
  }
  await unlink(beside);
}

/** A link is a name like that of a file: it is what gets replaced, not what it leads to. */
async function foundAt(path: string): Promise<'file' | 'other' | undefined> {
  try {
    const found = await lstat(path);
    return found.isFile() || found.isSymbolicLink() ? 'file' : 'other';
  } catch (error) {
    if (errno(error) === 'ENOENT') return undefined;
    throw unwritable(path, error);
  }
}

export function exists(path: string): TallyError {
  return new TallyError('USAGE', `${path} is there already, and was left as it is`, {
    hint: 'give another name, or --force to replace it',
  });
}

function isFull(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT'].includes(errno(error) ?? '');
}

export function unwritable(path: string, error: unknown): TallyError {
  const why = errno(error) ?? (error instanceof Error ? error.message : String(error));
  const full = isFull(error);
  return new TallyError(full ? 'LOG_FULL' : 'USAGE', `cannot write ${path}: ${why}`, {
    hint: full
      ? 'nothing is left of it; free space there, or write it elsewhere'
      : 'name a file in a directory that exists and that you may write to',
    cause: error,
  });
}
