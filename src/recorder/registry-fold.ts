/** One pass over lines of a log: the registry, what decisions are made from, and the actions that are open. */
import { type Entry, EntrySchema } from '../core/entry.ts';
import { foldEntry, GOVERNED_MENTIONS, isGovernedType } from '../core/governance/state.ts';
import { applyEntry } from '../core/identity/registry.ts';
import type { Saved } from '../core/identity/saved.ts';
import type { JsonObject } from '../core/json.ts';
import { parseJson } from '../core/parse.ts';
import { isObject } from '../core/query/fields.ts';
import { LOG_ERASE } from '../core/retention/erase-entry.ts';
import { HOLD_ADD, HOLD_RELEASE } from '../core/retention/hold.ts';
import { LOG_PRUNE } from '../core/retention/prune-entry.ts';
import { type Line, lineMentions, lineText } from './lines.ts';
import { foldActions } from './orphans.ts';

const REGISTRY_TYPES: ReadonlySet<string> = new Set([
  'agent.register',
  'token.issue',
  'token.revoke',
  'run.start',
  'run.end',
  HOLD_ADD,
  HOLD_RELEASE,
  LOG_PRUNE,
  LOG_ERASE,
]);

export function createFold({ state, open, governance }: Saved, withActions = true) {
  const before = new Set(withActions ? open : []);
  const from = state.size;
  const actions = foldActions();
  return {
    state,
    governance,
    actions,
    from,
    before,
    see(line: Line, index: number, type: string): void {
      if (index < from && !before.has(index)) return;
      if (withActions) actions.see(line, type);
      if (index < from) return;
      if (isGoverned(line, type)) foldEntry(governance, objectOf(line));
      if (!REGISTRY_TYPES.has(type)) return;
      const entry = entryOf(lineText(line));
      if (entry !== undefined) applyEntry(state, entry);
    },
  };
}

/** A nested field can say the same: the fold looks closely. */
function isGoverned(line: Line, type: string): boolean {
  return isGovernedType(type) || GOVERNED_MENTIONS.some((text) => lineMentions(line, text));
}

function objectOf(line: Line): JsonObject {
  try {
    const value = parseJson(lineText(line));
    return isObject(value) ? value : {};
  } catch {
    // Not JSON: nothing that any recorder wrote, and for verification to name.
    return {};
  }
}

export type Fold = ReturnType<typeof createFold>;

function entryOf(text: string): Entry | undefined {
  try {
    return EntrySchema.safeParse(parseJson(text)).data;
  } catch {
    // Not JSON: nothing that any recorder wrote, and for verification to name.
    return undefined;
  }
}
