/** What a file holds by its hash, in memory that does not grow with it: a torn tail may be of any length. */
import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { readFully } from './fs.ts';

const BLOCK = 4 * 1024 * 1024;

export interface Hashed {
  readonly bytes: number;
  /** Hex. */
  readonly sha256: string;
}

/** From byte `offset` to the end; `onBytes` is given each block and waited for. */
export async function hashFrom(
  handle: FileHandle,
  offset: number,
  onBytes?: (block: Uint8Array) => Promise<void>,
): Promise<Hashed> {
  const hash = createHash('sha256');
  const block = Buffer.allocUnsafe(BLOCK);
  let bytes = 0;
  for (;;) {
    const length = await readFully(handle, block, offset + bytes);
    const read = block.subarray(0, length);
    hash.update(read);
    await onBytes?.(read);
    bytes += length;
    if (length < BLOCK) return { bytes, sha256: hash.digest('hex') };
  }
}

export async function hashFile(path: string): Promise<Hashed> {
  const handle = await open(path, 'r');
  try {
    return await hashFrom(handle, 0);
  } finally {
    await handle.close();
  }
}
