/**
 * Whether entries match the filter that they are said to have been chosen by: each by itself, or as one half of a call
 * whose other half is there too. What was left out shows nowhere; what does not belong there does. Pure, bounded memory.
 */
import type { JsonObject } from '../json.ts';
import { LIMITS } from '../limits.ts';
import { mayEnd } from '../query/assurance.ts';
import { numberAt, textAt } from '../query/fields.ts';
import { type LogFilter, matchesCall } from '../query/filter.ts';

export interface FilterFound {
  /** Entries that do not match. `first`: the lowest index of them. */
  readonly strangers: number;
  readonly first: number | undefined;
  /** Entries of which nobody can tell: their other half is not there, or came too late to be remembered. */
  readonly unsure: number;
  /** Rows that they make up; undefined where more calls were open at once than are remembered. */
  readonly rows: number | undefined;
}

export interface FilterCheck {
  /** In the order of the log. `bytes`: of its line, for the bound of what is remembered. */
  see(entry: JsonObject, bytes: number): void;
  /** `cut`: some entries that match are known to have been left out, so halves may lack their other half. */
  finish(cut: boolean): FilterFound;
}

interface Begun {
  readonly entry: JsonObject;
  readonly bytes: number;
  matches: boolean;
}

export function createFilterCheck(filter: LogFilter): FilterCheck {
  const open = new Map<string, Begun>();
  /** Beginnings that have an end: another end may come, and stands alone or in its place. */
  const ended = new Map<string, Begun>();
  let held = 0;
  let entries = 0;
  let joined = 0;
  let strangers = 0;
  let first: number | undefined;
  let unsure = 0;
  let forgotOpen = false;
  let forgotEnded = false;

  function stranger(entry: JsonObject): void {
    strangers++;
    const index = numberAt(entry, 'index');
    if (index !== undefined && (first === undefined || index < first)) first = index;
  }

  function forget(from: Map<string, Begun>): Begun | undefined {
    const [oldest] = from;
    if (oldest === undefined) return undefined;
    from.delete(oldest[0]);
    held -= oldest[1].bytes;
    return oldest[1];
  }

  function bound(): void {
    while (open.size + ended.size > LIMITS.rememberedCalls || held > LIMITS.rememberedCallBytes) {
      if (forget(ended) !== undefined) {
        forgotEnded = true;
        continue;
      }
      const gone = forget(open);
      if (gone === undefined) return;
      forgotOpen = true;
      if (!gone.matches) unsure++;
    }
  }

  function begin(entry: JsonObject, bytes: number, matches: boolean): void {
    const id = textAt(entry, 'id') ?? '';
    const before = open.get(id);
    if (before !== undefined) {
      held -= before.bytes;
      if (!before.matches) unsure++;
    }
    open.set(id, { entry, bytes, matches });
    held += bytes;
    bound();
  }

  function end(entry: JsonObject, parent: string, alone: boolean): void {
    const begun = open.get(parent) ?? ended.get(parent);
    if (begun !== undefined && mayEnd(begun.entry, entry)) {
      if (matchesCall({ first: begun.entry, last: entry }, filter)) {
        begun.matches = true;
        if (!open.delete(parent)) return;
        ended.set(parent, begun);
        joined++;
        return;
      }
      if (!alone) stranger(entry);
      return;
    }
    if (alone) return;
    if (begun === undefined && (forgotOpen || forgotEnded)) unsure++;
    else stranger(entry);
  }

  return {
    see(entry, bytes) {
      entries++;
      const phase = textAt(entry, 'phase');
      const alone = matchesCall({ first: entry }, filter);
      const parent = phase === 'post_exec' ? textAt(entry, 'parent_id') : undefined;
      if (phase === 'pre_exec') begin(entry, bytes, alone);
      else if (parent !== undefined) end(entry, parent, alone);
      else if (!alone) stranger(entry);
    },
    finish(cut) {
      for (const { entry, matches } of open.values()) {
        if (matches) continue;
        if (cut) unsure++;
        else stranger(entry);
      }
      return { strangers, first, unsure, rows: forgotOpen ? undefined : entries - joined };
    },
  };
}
