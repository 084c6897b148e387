import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { listReceipts, receiptPath } from '../anchor/receipts.ts';
import { errno } from '../store/file/fs.ts';
import { fileObjects } from '../store/file/objects.ts';

/** The newest receipt of an anchor in a log's directory, and when it was stored. */
export async function lastReceipt(
  directory: string,
  name: string,
): Promise<{ readonly size: number; readonly at: number } | undefined> {
  const receipts = await listReceipts(fileObjects(directory), name);
  for (const { size, suffix } of receipts) {
    if (suffix === undefined) continue;
    try {
      return { size, at: (await stat(join(directory, receiptPath(name, size, suffix)))).mtimeMs };
    } catch (error) {
      // Removed while we looked.
      if (errno(error) !== 'ENOENT') throw error;
    }
  }
  return undefined;
}
