/** Alerts as files and entries tell them, for who does not follow the log: without a lock, and without reading it all. */
import { join } from 'node:path';
import { alertIn, type Raised } from '../../core/alert/event.ts';
import { createAlertFold } from '../../core/alert/fold.ts';
import type { LogReader, ObjectStore } from '../../core/ports.ts';
import { parseLine } from '../../core/query/line.ts';
import { currentEpoch, logName } from '../../home.ts';
import type { Paths } from '../../paths.ts';
import { openReader } from '../../reader.ts';
import type { Message } from '../../sink/driver.ts';
import { fileObjects } from '../../store/file/objects.ts';
import { loadCursor } from './cursor.ts';
import { logLines } from './lines.ts';

/** Beside the logs: it is derived, and goes with none of them. */
export function alertsDirectory(paths: Paths): string {
  return join(paths.state, 'alerts', logName(currentEpoch(paths)));
}

export function alertObjects(paths: Paths): ObjectStore {
  return fileObjects(alertsDirectory(paths));
}

const MARKED = Buffer.from('"type":"alert.');

/**
 * Goes on from where the rules were. Without that it reads the log from its beginning, or, when that is not wanted, gives
 * undefined: a large log takes seconds.
 */
export async function openAlerts(paths: Paths): Promise<readonly Raised[]>;
export async function openAlerts(
  paths: Paths,
  options: { readonly onlyKnown: true },
): Promise<readonly Raised[] | undefined>;
export async function openAlerts(
  paths: Paths,
  options?: { readonly onlyKnown: true },
): Promise<readonly Raised[] | undefined> {
  const { reader } = openReader(paths);
  const cursor = await loadCursor(alertObjects(paths), reader);
  if (cursor === undefined && options?.onlyKnown === true) return undefined;
  const fold = createAlertFold(cursor?.open);
  const from = cursor?.place ?? { first: 0, offset: 0, index: 0 };
  for await (const portion of logLines(reader, from, Number.POSITIVE_INFINITY))
    for (const { line } of portion) {
      if (!line.includes(MARKED)) continue;
      const parsed = parseLine(line);
      if ('entry' in parsed) fold.see(parsed.entry);
    }
  return fold.open();
}

/** The entry at `index` as a message; undefined when it is not there, or none. */
export async function messageAt(reader: LogReader, log: string, index: number): Promise<Message | undefined> {
  const segments = await reader.segments();
  const first = segments.findLast((segment) => segment.first <= index)?.first;
  if (first === undefined) return undefined;
  const near = await reader.seek(first, index);
  for await (const portion of logLines(reader, { first, ...near }, index + 1)) {
    const found = portion.find((line) => line.index === index);
    if (found === undefined) continue;
    const parsed = parseLine(found.line);
    const about = 'entry' in parsed ? alertIn(parsed.entry) : undefined;
    if (about === undefined || 'unclear' in about) return undefined;
    const { id, ts } = 'raised' in about ? about.raised : about.closed;
    return { id, index, ts, log, about };
  }
  return undefined;
}
