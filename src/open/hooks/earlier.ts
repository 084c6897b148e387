/** Calls that an earlier recorder put on record: looked for in the newest entries of the log. */
import type { Earlier } from '../../capture/hook/wiring.ts';
import type { JsonObject } from '../../core/json.ts';
import { LIMITS } from '../../core/limits.ts';
import { parseJson } from '../../core/parse.ts';
import type { LogReader } from '../../core/ports.ts';
import { field, isObject, listAt, textAt } from '../../core/query/fields.ts';
import { lineMentions, lineText, scanEntries } from '../../recorder/lines.ts';

/**
 * One pass at a time: who asks while one runs shares the next. Posts that ask for one each, by mistake or on purpose, must
 * not have the recorder do nothing else.
 */
export function oneScanAtATime(
  scan: (wanted: ReadonlySet<string>) => Promise<Earlier>,
): (wanted: ReadonlySet<string>) => Promise<Earlier> {
  let running: Promise<unknown> = Promise.resolve();
  let next: { readonly wanted: Set<string>; readonly found: Promise<Earlier> } | undefined;
  return (wanted) => {
    if (next === undefined) {
      const all = new Set<string>();
      const found = running.then(() => {
        next = undefined;
        const scanning = scan(all);
        running = scanning.catch(() => undefined);
        return scanning;
      });
      next = { wanted: all, found };
    }
    for (const one of wanted) next.wanted.add(one);
    return next.found;
  };
}

/** One pass over at most LIMITS.hookLookBack entries, whatever is asked for. */
export async function earlierCalls(
  reader: LogReader,
  size: number,
  wanted: ReadonlySet<string>,
): Promise<Earlier> {
  const calls = new Map<string, string>();
  const from = Math.max(0, size - LIMITS.hookLookBack);
  let fromMs: number | undefined;
  await scanEntries(reader, from, size, (line, index) => {
    if (index === from && from > 0) fromMs = Date.parse(textAt(parsed(lineText(line)), 'ts') ?? '');
    if (!lineMentions(line, '"surface":"hook"')) return;
    const isCheck = lineMentions(line, '"session.check"');
    if (!isCheck && !lineMentions(line, '"step_id":')) return;
    const entry = parsed(lineText(line));
    if (textAt(entry, 'source', 'surface') !== 'hook') return;
    const step = textAt(entry, 'step_id');
    if (textAt(entry, 'phase') === 'pre_exec' && step !== undefined && wanted.has(step))
      calls.set(step, textAt(entry, 'id') ?? '');
    for (const told of listAt(field(entry, 'metadata'), 'missing_from_record')) {
      const id = textAt(told, 'id');
      if (id !== undefined && wanted.has(id)) calls.set(id, '');
    }
  });
  return { calls, ...(fromMs === undefined || Number.isNaN(fromMs) ? {} : { fromMs }) };
}

function parsed(text: string): JsonObject {
  try {
    const value = parseJson(text);
    return isObject(value) ? value : {};
  } catch {
    // No entry: for verification to name.
    return {};
  }
}
