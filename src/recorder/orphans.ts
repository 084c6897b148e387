/**
 * Actions that a dead recorder left open: pre_exec without post_exec since the last clean close. Found by reading back
 * from the end of the log, never from a file that a crash could have lost.
 */
import { type Entry, EntrySchema } from '../core/entry.ts';
import { parseJson } from '../core/parse.ts';
import type { LogReader } from '../core/ports.ts';
import { lineMentions, lineText, lineType, scanLines } from './lines.ts';
import type { OpenAction } from './pending.ts';

/** Newest last. */
export async function findOrphans(reader: LogReader): Promise<readonly OpenAction[]> {
  const open = new Map<string, OpenAction>();
  const closed = new Set<string>();
  // Newest segment first; within one, what follows the last clean close.
  for (const { first } of (await reader.segments()).toReversed()) {
    const { entries, cleanClose } = await sinceCleanClose(reader, first);
    for (const entry of entries)
      if (entry.phase === 'post_exec' && entry.parent_id !== undefined) closed.add(entry.parent_id);
    for (const entry of entries)
      if (entry.phase === 'pre_exec' && !closed.has(entry.id)) open.set(entry.id, toOpenAction(entry));
    if (cleanClose) break;
  }
  return [...open.values()].sort((a, b) => a.index - b.index);
}

async function sinceCleanClose(
  reader: LogReader,
  first: number,
): Promise<{ entries: Entry[]; cleanClose: boolean }> {
  let from = -1;
  await scanLines(reader, first, (line) => {
    if (lineType(line) === 'log.close' && isOwnClose(lineText(line))) from = line.offset;
    return true;
  });
  const entries: Entry[] = [];
  await scanLines(
    reader,
    first,
    (line) => {
      const action = lineMentions(line, '"phase":"pre_exec"') || lineMentions(line, '"phase":"post_exec"');
      const entry = line.whole && action ? entryOf(lineText(line)) : undefined;
      if (entry !== undefined) entries.push(entry);
      return true;
    },
    Math.max(0, from),
  );
  return { entries, cleanClose: from !== -1 };
}

/** A client's event can mention the type; only the recorder writes entries of it. */
function isOwnClose(text: string): boolean {
  const entry = entryOf(text);
  return entry?.type === 'log.close' && entry.source.assurance === 'enforced';
}

function entryOf(text: string): Entry | undefined {
  const parsed = EntrySchema.safeParse(parseJson(text));
  return parsed.success ? parsed.data : undefined;
}

/** The part of an entry that its post_exec repeats. */
export function toOpenAction(entry: Entry): OpenAction {
  const { run_id, step_id, session_id, project_id, environment, actor, credentials, action } = entry;
  const repeats = { run_id, step_id, session_id, project_id, environment, actor, credentials, action };
  return {
    id: entry.id,
    index: entry.index,
    type: entry.type,
    surface: entry.source.surface,
    repeats: Object.fromEntries(Object.entries(repeats).filter(([, value]) => value !== undefined)),
  };
}
