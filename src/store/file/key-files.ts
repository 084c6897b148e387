/**
 * The private key of a log in its file, and beside it the one that a rotation prepared. A retired key is overwritten
 * before its name goes. (What a solid-state disk, a journal or a backup keeps of it is out of reach.)
 */
import { open, rename, unlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { isTallyError, TallyError } from '../../core/error.ts';
import type { Random } from '../../core/ports.ts';
import { makeKeyPair, type Signer, signerFromSkey } from '../../core/tlog/key.ts';
import { errno, readPlain, replaceFile, storeError, syncDirectory } from './fs.ts';

const SEED_BYTES = 32;

/** `<log>.key` */
export function keyFileName(log: string): string {
  return `${log}.key`;
}

/** The key of a rotation under way. */
export function nextKeyFileName(log: string): string {
  return `${log}.key.next`;
}

export interface FileKeys {
  /** Absent when the file is: then the log has none, or it is new. */
  readonly signer: Signer | undefined;
  readonly next: Signer | undefined;
  prepare(origin: string): Promise<Signer>;
  discard(): Promise<void>;
  promote(): Promise<void>;
}

/**
 * Errors: `KEY_MALFORMED` when the key's file holds none, unless a rotation was overwriting it: then the prepared key
 * stands for both.
 */
export async function openKeyFiles(directory: string, log: string, random: Random): Promise<FileKeys> {
  const current = join(directory, keyFileName(log));
  const beside = join(directory, nextKeyFileName(log));
  const prepared = await readKey(beside).catch((error: unknown) => {
    // Whoever damaged it, the log signs with the other one; `doctor` tells of the file.
    if (isTallyError(error) && error.code === 'KEY_MALFORMED') return undefined;
    throw error;
  });
  const signer = await readKey(current).catch((error: unknown) => {
    if (isTallyError(error) && error.code === 'KEY_MALFORMED' && prepared !== undefined) return prepared;
    throw error;
  });
  let next = prepared;

  async function doing(what: string, change: () => Promise<void>): Promise<void> {
    try {
      await change();
      await syncDirectory(directory);
    } catch (error) {
      throw storeError(error, what);
    }
  }

  return {
    signer: signer ?? prepared,
    next: prepared,
    async prepare(origin) {
      if (next !== undefined)
        throw new TallyError('LOG_WRITE_FAILED', 'another rotation of this key is not over', {
          hint: 'start the recorder again: it completes the rotation',
        });
      const { skey } = makeKeyPair(origin, random(SEED_BYTES));
      await doing('cannot write the new signing key', () =>
        replaceFile(beside, Buffer.from(`${skey}\n`), true),
      );
      next = signerFromSkey(skey);
      return next;
    },
    async discard() {
      await doing('cannot erase the prepared key', () => erase(beside));
      next = undefined;
    },
    async promote() {
      await doing('cannot erase the old signing key', async () => {
        // Without the new one on the disk, nothing that could sign would be left.
        if ((await readKey(beside)) === undefined) throw new Error(`${beside} is gone`);
        await overwrite(current);
        await rename(beside, current);
      });
      next = undefined;
    },
  };
}

async function readKey(path: string): Promise<Signer | undefined> {
  let text: string;
  try {
    text = Buffer.from(await readPlain(path, basename(path))).toString('utf8');
  } catch (error) {
    if (errno(error) === 'ENOENT') return undefined;
    throw new TallyError(
      'BAD_CONFIG',
      `cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`,
      { hint: 'the file belongs to the user who runs tally, mode 0600', cause: error },
    );
  }
  return signerIn(path, text);
}

/** Errors: `KEY_MALFORMED`, which names the file: nobody gave a key that could be given another way. */
export function signerIn(path: string, text: string): Signer {
  try {
    return signerFromSkey(text.trim());
  } catch (error) {
    if (!isTallyError(error) || error.code !== 'KEY_MALFORMED') throw error;
    const why = text.trim() === '' ? 'the file is empty' : error.message;
    throw new TallyError('KEY_MALFORMED', `${path} holds no signing key: ${why}`, {
      hint: 'restore the key file from a backup; without one, `tally log continue --reason …` starts a new log that cites this one',
      cause: error,
    });
  }
}

/** In place: other names of the same file lose its content too. */
async function overwrite(path: string): Promise<void> {
  const handle = await open(path, 'r+').catch((error: unknown) => {
    if (errno(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (handle === undefined) return;
  try {
    const { size } = await handle.stat();
    for (let at = 0; at < size; ) {
      const { bytesWritten } = await handle.write(Buffer.alloc(size - at), 0, size - at, at);
      at += bytesWritten;
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function erase(path: string): Promise<void> {
  await overwrite(path);
  await unlink(path).catch((error: unknown) => {
    if (errno(error) !== 'ENOENT') throw error;
  });
}
