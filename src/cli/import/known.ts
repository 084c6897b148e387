/** Which rows the log has already. Their ids follow from what they are made of; the entry with the id is looked at too. */
import type { Event } from '../../core/entry.ts';
import type { JsonObject } from '../../core/json.ts';
import { isImported } from '../../core/query/assurance.ts';
import { field, isObject } from '../../core/query/fields.ts';
import type { OpenedQuery } from '../../open/query.ts';

export type Known =
  | { readonly known: false }
  | { readonly known: true }
  /** Another entry has its id. */
  | { readonly taken: number };

export type LookUp = (rows: readonly Event[]) => Promise<readonly Known[]>;

export const nothingKnown: LookUp = async (rows) => rows.map(() => ({ known: false }));

export function lookUpIn(asked: OpenedQuery): LookUp {
  return async (rows) => {
    const indexes = await Promise.all(
      rows.map(({ id }) => (id === undefined ? undefined : asked.query.indexOf(id))),
    );
    const wanted = [...new Set(indexes.filter((index) => index !== undefined))].sort((a, b) => a - b);
    const held = new Map<number, JsonObject | undefined>();
    for await (const { index, entry } of asked.entries(wanted)) held.set(index, entry);
    return rows.map((row, i) => {
      const index = indexes[i];
      if (index === undefined) return { known: false };
      // One that was pruned since cannot be looked at, and was there.
      const entry = held.get(index);
      return entry === undefined || isSame(row, entry) ? { known: true } : { taken: index };
    });
  };
}

/** An agent may record anything under any id; only an import of these bytes is this row. */
function isSame(row: Event, entry: JsonObject): boolean {
  const [said, found] = [row.metadata?.imported, field(entry, 'metadata', 'imported')];
  if (!isImported(entry) || !isObject(said) || !isObject(found)) return false;
  return ['format', 'line', 'sha256', 'part'].every((member) => said[member] === found[member]);
}
