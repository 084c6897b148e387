/**
 * What became of an action that was recorded: open, ended, or ended without anybody having seen how. For those who
 * report ends from outside, also after the recorder was started anew.
 */
import { type Entry, EntrySchema } from '../core/entry.ts';
import type { JsonObject } from '../core/json.ts';
import { parseJson } from '../core/parse.ts';
import type { LogReader } from '../core/ports.ts';
import { isImported } from '../core/query/assurance.ts';
import type { IdMemory } from './ids.ts';
import { type Line, lineMentions, lineText, scanEntries, scanEntriesAt } from './lines.ts';
import { toOpenAction } from './orphans.ts';
import type { OpenAction, Pending } from './pending.ts';

export type FoundAction =
  /** `late`: it had been closed as unknown; an end that comes after all is kept, and wins. */
  | { readonly state: 'open'; readonly action: OpenAction; readonly late: boolean }
  | { readonly state: 'ended'; readonly action: OpenAction; readonly end: Entry };

/**
 * Undefined for an id that no pre_exec has among the last LIMITS.rememberedIds entries. Costs nothing for an action that
 * is open, and a scan of what follows it for one that is not.
 */
export async function findAction(
  id: string,
  {
    pending,
    ids,
    reader,
    size,
  }: {
    readonly pending: Pending;
    readonly ids: IdMemory;
    readonly reader: LogReader;
    readonly size: () => number;
  },
): Promise<FoundAction | undefined> {
  const open = pending.find(id);
  if (open.action !== undefined) return { state: 'open', action: open.action, late: open.late };
  await ids.ready();
  const index = ids.find(id)?.receipt.index;
  if (index === undefined) return undefined;
  let first: Entry | undefined;
  await scanEntriesAt(reader, [index], (line) => {
    first = entryOf(line);
  });
  if (first?.phase !== 'pre_exec' || first.id !== id || isImported(first as JsonObject)) return undefined;
  const action = toOpenAction(first);
  const mention = `"parent_id":"${id}"`;
  let end: Entry | undefined;
  await scanEntries(reader, index + 1, size(), (line) => {
    const entry = lineMentions(line, mention) ? entryOf(line) : undefined;
    if (entry?.phase === 'post_exec' && entry.parent_id === id) end = entry;
  });
  if (end === undefined) return undefined;
  if (end.outcome?.status !== 'unknown' || end.source.assurance === 'self_reported')
    return { state: 'ended', action, end };
  // The recorder closed it at its own end, before this one was started.
  pending.closedAsUnknown(action);
  return { state: 'open', action, late: true };
}

function entryOf(line: Line): Entry | undefined {
  try {
    return EntrySchema.safeParse(parseJson(lineText(line))).data;
  } catch {
    // No entry: for verification to name.
    return undefined;
  }
}
