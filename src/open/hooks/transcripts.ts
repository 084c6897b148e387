/** Reads transcripts as they grow: whole lines, bounded, and plain files only. */
import type { FileHandle } from 'node:fs/promises';
import type { ReadTranscript, Transcripts } from '../../capture/hook/transcript.ts';
import { LIMITS } from '../../core/limits.ts';
import { openPlain } from '../../store/file/fs.ts';

const BLOCK = 1024 * 1024;
const NEWLINE = 0x0a;

export const fileTranscripts: Transcripts = {
  size: (path) => withFile(path, async (handle) => (await handle.stat()).size),
  read: (path, from, onLine) =>
    withFile(path, async (handle): Promise<ReadTranscript> => {
      const block = Buffer.alloc(BLOCK);
      const most = from + LIMITS.hookTranscriptBytes;
      /** What came of a line without its end; undefined while a line is skipped that is too long. */
      let begun: Buffer | undefined = Buffer.alloc(0);
      let offset = from;
      let skipped = 0;
      for (let at = from; at < most; ) {
        const { bytesRead } = await handle.read(block, 0, BLOCK, at);
        if (bytesRead === 0) return { offset, skipped, whole: true };
        let start = 0;
        for (
          let end = block.indexOf(NEWLINE);
          end !== -1 && end < bytesRead;
          end = block.indexOf(NEWLINE, start)
        ) {
          if (begun === undefined) skipped++;
          else onLine(Buffer.concat([begun, block.subarray(start, end)]).toString('utf8'));
          begun = Buffer.alloc(0);
          start = end + 1;
          offset = at + start;
        }
        if (begun !== undefined) begun = Buffer.concat([begun, block.subarray(start, bytesRead)]);
        if (begun !== undefined && begun.length > LIMITS.hookTranscriptLineBytes) begun = undefined;
        at += bytesRead;
      }
      return { offset, skipped, whole: (await handle.stat()).size <= most };
    }),
};

/**
 * Undefined for what cannot be read: the record of the session then says that it was not compared. A path that a hook
 * names may be anything, so nothing but a plain file that is called like a transcript is opened.
 */
async function withFile<T>(path: string, use: (handle: FileHandle) => Promise<T>): Promise<T | undefined> {
  if (!/^\/[^\0]*\.jsonl$/.test(path)) return undefined;
  try {
    const handle = await openPlain(path);
    if (handle === undefined) return undefined;
    try {
      return await use(handle);
    } finally {
      await handle.close();
    }
  } catch {
    return undefined;
  }
}
