/** Reads transcripts as they grow: whole lines, bounded, and plain files only. */
import type { ReadTranscript, Transcripts } from '../../capture/hook/transcript.ts';
import { LIMITS } from '../../core/limits.ts';
import { openPlain } from '../../store/file/fs.ts';

const BLOCK = 1024 * 1024;
const NEWLINE = 0x0a;

export const fileTranscripts: Transcripts = {
  async size(path) {
    const handle = await opened(path);
    if (handle === undefined) return undefined;
    try {
      return (await handle.stat()).size;
    } finally {
      await handle.close();
    }
  },
  async read(path, from, onLine): Promise<ReadTranscript | undefined> {
    const handle = await opened(path);
    if (handle === undefined) return undefined;
    try {
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
    } finally {
      await handle.close();
    }
  },
};

/** A path that a hook names may be anything: only what can be opened as a plain file is read. */
async function opened(path: string) {
  if (!path.startsWith('/') || path.includes('\0')) return undefined;
  return openPlain(path).catch(() => undefined);
}
