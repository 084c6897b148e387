/**
 * Actions that a dead recorder left open: pre_exec without post_exec since the last clean close. A fold over the lines
 * of the log, in their order.
 */
import { copyJson } from '../core/copy.ts';
import { type Entry, EntrySchema } from '../core/entry.ts';
import type { Json } from '../core/json.ts';
import { parseJson } from '../core/parse.ts';
import { isImported } from '../core/query/assurance.ts';
import { textAt } from '../core/query/fields.ts';
import { type Line, lineMentions, lineText } from './lines.ts';
import type { OpenAction } from './pending.ts';

export interface ActionFold {
  /** The next line that is of interest, and its type. */
  see(line: Line, type: string): void;
  /** Those that are open now, newest last. */
  open(): readonly OpenAction[];
}

const PHASE = '"phase":"p';
const PRE = '"phase":"pre_exec"';
const POST = '"phase":"post_exec"';

export function foldActions(): ActionFold {
  /** By id. Kept as text: nearly all are closed again, and only what is left is worth a check of its shape. */
  const open = new Map<string, string>();
  return {
    see(line, type) {
      if (type === 'log.close') {
        if (isOwnClose(line)) open.clear();
        return;
      }
      // One look for the many that are neither; a nested field can say the same, so the entry is parsed.
      if (!lineMentions(line, PHASE) || !(lineMentions(line, PRE) || lineMentions(line, POST))) return;
      const text = lineText(line);
      const entry = parsed(text);
      const phase = textAt(entry, 'phase');
      const [id, parent] = [textAt(entry, 'id'), textAt(entry, 'parent_id')];
      if (phase === 'pre_exec' && id !== undefined && !isImported(entry)) open.set(id, text);
      else if (phase === 'post_exec' && parent !== undefined) open.delete(parent);
    },
    open() {
      const entries = [...open.values()].map((text) => EntrySchema.safeParse(parsed(text)).data);
      const actions = entries.filter((entry) => entry !== undefined).map(toOpenAction);
      return actions.sort((a, b) => a.index - b.index);
    },
  };
}

/** A client's event can mention the type; only the recorder writes entries of it. */
function isOwnClose(line: Line): boolean {
  const entry = parsed(lineText(line));
  return textAt(entry, 'type') === 'log.close' && textAt(entry, 'source', 'assurance') === 'enforced';
}

function parsed(text: string): Json {
  try {
    return parseJson(text) as Json;
  } catch {
    // Not an entry, so it neither opens an action nor closes one: what is wrong with it is for others to say.
    return null;
  }
}

/** The part of an entry that its post_exec repeats. A copy: its producer may alter its own object later. */
export function toOpenAction(entry: Entry): OpenAction {
  const repeats: { [key: string]: unknown } = {};
  for (const key of REPEATED) if (entry[key] !== undefined) repeats[key] = copyJson(entry[key]);
  return {
    id: entry.id,
    index: entry.index,
    type: entry.type,
    surface: entry.source.surface,
    assurance: entry.source.assurance,
    repeats,
  };
}

const REPEATED = [
  'run_id',
  'step_id',
  'session_id',
  'project_id',
  'environment',
  'trace',
  'actor',
  'credentials',
  'action',
] as const satisfies readonly (keyof OpenAction['repeats'])[];
