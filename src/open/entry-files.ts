/** Single lines of a log by their places. Segment files stay open between reads: most that is asked for lies in a few. */
import { join } from 'node:path';
import { TallyError } from '../core/error.ts';
import { LIMITS } from '../core/limits.ts';
import { openSegmentFile } from '../store/file/segment.ts';
import type { SegmentFile } from '../store/file/segment-file.ts';

/** Where a line lies in the segment that begins with entry `segment`; `bytes` with its newline. */
export interface LinePlace {
  readonly segment: number;
  readonly offset: number;
  readonly bytes: number;
}

export interface EntryFiles {
  /** Without its newline. Undefined when the segment is not there, or ends before. */
  line(place: LinePlace): Promise<Buffer | undefined>;
  close(): Promise<void>;
}

/** Longer lines are no entries; they are not read whole. */
const LONGEST = LIMITS.entryBytes * 2 + 1;

export function openEntryFiles(directory: string): EntryFiles {
  const entries = join(directory, 'entries');
  /** In the order of their last use. */
  const open = new Map<number, Promise<SegmentFile | undefined>>();

  async function fileOf(segment: number): Promise<SegmentFile | undefined> {
    const file = open.get(segment) ?? openSegmentFile(entries, segment);
    open.delete(segment);
    open.set(segment, file);
    if (open.size > LIMITS.openSegments) {
      const [oldest] = open;
      if (oldest !== undefined) {
        open.delete(oldest[0]);
        await (await oldest[1])?.close();
      }
    }
    return file;
  }

  return {
    async line({ segment, offset, bytes }) {
      if (bytes > LONGEST) return Buffer.alloc(0);
      const file = await fileOf(segment);
      const isShort = bytes <= LIMITS.readNowBytes;
      const read =
        (isShort ? file?.readNow?.(offset, bytes) : undefined) ?? (await file?.readAt(offset, bytes));
      return read === undefined || read.length < bytes ? undefined : read.subarray(0, bytes - 1);
    },
    async close() {
      const files = await Promise.allSettled(open.values());
      open.clear();
      for (const found of files) if (found.status === 'fulfilled') await found.value?.close();
    },
  };
}

export function indexedElsewhere(index: number): TallyError {
  return new TallyError('LOG_DAMAGED', `entry ${index} is not where it was when the log was indexed`, {
    hint: 'run `tally verify`; if the log is as it should be, `tally index rebuild` reads it again',
    details: { index },
  });
}
