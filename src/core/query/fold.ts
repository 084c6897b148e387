/**
 * What the next entry of a log does to its rows, in the order of the log. The one definition of which end counts: the
 * newest that may end its call. An end that another one replaced, that may not end its call, or whose call is not there,
 * is a row of its own.
 */
import type { JsonObject } from '../json.ts';
import { joinFacts, placelessFacts } from './call.ts';
import type { Row } from './row.ts';

/** An entry as a row of its own. */
export interface Single extends Row {
  readonly parent?: string;
}

export function singleOf(entry: JsonObject, index: number): Single {
  const parent = entry.parent_id;
  const facts = placelessFacts(entry);
  return typeof parent === 'string' ? { ...facts, index, parent } : { ...facts, index };
}

/** An entry as a row, without what only places it. */
export function aloneOf({ parent: _parent, ...row }: Single): Row {
  return row;
}

/**
 * The row that an entry is part of: its own, or the call at `ends`, as it is with this end.
 *
 * @param begunBy the entry with that id as a row of its own, when it came before.
 */
export function place(
  single: Single,
  begunBy: (id: string) => Single | undefined,
): { readonly row: Row; readonly ends?: number } {
  const first = endedBy(single, begunBy);
  const row = aloneOf(single);
  return first === undefined ? { row } : { row: joinRows(aloneOf(first), row), ends: first.index };
}

/** The beginning of the call that the entry ends; undefined when it ends none. */
export function endedBy(single: Single, begunBy: (id: string) => Single | undefined): Single | undefined {
  const { parent } = single;
  const first = single.phase === 'post_exec' && parent !== undefined ? begunBy(parent) : undefined;
  return first?.phase === 'pre_exec' && mayEndRow(first, single) ? first : undefined;
}

/** Both as rows of their own. */
export function joinRows(first: Row, last: Row): Row {
  return { ...joinFacts(first, last), end: last.index };
}

/** What was enforced is not ended by a client's word: `mayEnd`, on rows. */
function mayEndRow(first: Row, last: Row): boolean {
  return first.assurance !== 'enforced' || last.assurance !== 'self_reported';
}
