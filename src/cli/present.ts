/** What is really there, whatever a checkpoint says. Counted, not verified. */
import { numberAt } from '../core/query/fields.ts';
import { parseLine } from '../core/query/line.ts';
import { readBackwards } from '../store/file/backwards.ts';

/**
 * Entries are numbered without holes, so the newest one tells how many there are. Lines behind it that are no entry
 * count by their place. To be asked after a signed size was read: a recorder that writes meanwhile only adds entries.
 */
export async function entriesPresent(directory: string): Promise<number> {
  let unreadable = 0;
  for await (const { bytes, bounds } of (await readBackwards(directory)).blocks()) {
    for (let at = bounds.length - 2; at >= 0; at -= 2) {
      const parsed = parseLine(bytes.subarray(bounds[at], bounds[at + 1]));
      const index = 'entry' in parsed ? numberAt(parsed.entry, 'index') : undefined;
      if (index !== undefined) return index + 1 + unreadable;
      unreadable++;
    }
  }
  return unreadable;
}
