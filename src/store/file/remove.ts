/**
 * Removes whole segments from the front of a log. The names of one segment go, and are durably gone, before those of the
 * next: a crash leaves a beginning that is cut off at a segment's border, and never a hole.
 */
import { unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { errno, syncDirectory } from './fs.ts';
import { namesIn } from './names.ts';

/** Any file of a segment: plain, sealed, half sealed, or a torn tail that was set aside from it. */
const OF_SEGMENT = /^(\d{12,16})\.jsonl(?:$|\.)/;

/** The contract of `LogStore.removeBefore`. */
export async function removeSegmentsBefore(entries: string, to: number): Promise<void> {
  const bySegment = new Map<number, string[]>();
  for (const name of await namesIn(entries)) {
    const first = Number(OF_SEGMENT.exec(name)?.[1] ?? Number.NaN);
    if (Number.isNaN(first) || first >= to) continue;
    bySegment.set(first, [...(bySegment.get(first) ?? []), name]);
  }
  for (const [, names] of [...bySegment].sort(([a], [b]) => a - b)) {
    // The longest name first: while the plain form is there, it is the one that counts.
    for (const name of names.sort((a, b) => b.length - a.length)) await unlinkIfThere(join(entries, name));
    await syncDirectory(entries);
  }
}

async function unlinkIfThere(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (errno(error) !== 'ENOENT') throw error;
  }
}
