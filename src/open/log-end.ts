/** How far a log goes, without reading it. */
import { join } from 'node:path';
import { listSegments } from '../store/file/names.ts';
import { openSegmentFile } from '../store/file/segment.ts';

export interface LogEnd {
  readonly segment: number;
  /** Bytes of the newest segment, an unfinished line included. */
  readonly offset: number;
}

export async function endOf(directory: string): Promise<LogEnd> {
  const entries = join(directory, 'entries');
  const newest = (await listSegments(entries)).at(-1);
  const file = newest === undefined ? undefined : await openSegmentFile(entries, newest.first);
  if (file === undefined) return { segment: 0, offset: 0 };
  try {
    return { segment: file.first, offset: await file.size() };
  } finally {
    await file.close();
  }
}

export function reaches(at: LogEnd, end: LogEnd): boolean {
  return at.segment > end.segment || (at.segment === end.segment && at.offset >= end.offset);
}
