import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readCheckpoint } from '../anchor/earlier.ts';
import { listReceipts, readReceipt, receiptPath } from '../anchor/receipts.ts';
import { errno } from '../store/file/fs.ts';
import { fileObjects } from '../store/file/objects.ts';

/**
 * The newest receipt of an anchor in a log's directory, and when it was stored. One that lacks its checkpoint, or says
 * that more was shown than the log has signed, does not count: a file put there would keep the anchor from ever being
 * shown anything again. Whether it is a good one is for verification to say.
 *
 * `unknown`: so many entries count as signed when the log's own checkpoint is gone or none. None for whoever decides by
 * the answer; whoever only tells of receipts has no reason to deny those that are there.
 */
export async function lastReceipt(
  directory: string,
  name: string,
  unknown = 0,
): Promise<{ readonly size: number; readonly at: number } | undefined> {
  const objects = fileObjects(directory);
  const receipts = await listReceipts(objects, name);
  if (receipts.length === 0) return undefined;
  const own = await objects.get('checkpoint');
  const signed = (own === undefined ? undefined : readCheckpoint(own)?.size) ?? unknown;
  for (const receipt of receipts) {
    const { size, suffix } = receipt;
    if (suffix === undefined || size > signed) continue;
    const stored = await readReceipt(objects, receipt);
    if (stored === undefined || readCheckpoint(stored.note)?.size !== size) continue;
    try {
      return { size, at: (await stat(join(directory, receiptPath(name, size, suffix)))).mtimeMs };
    } catch (error) {
      // Removed while we looked.
      if (errno(error) !== 'ENOENT') throw error;
    }
  }
  return undefined;
}
