/** Who vouches for an entry. A client of the recorder may say anything, also how somebody else's action ended. */
import type { Json, JsonObject } from '../json.ts';
import { field, isObject, textAt } from './fields.ts';

/** Nobody but the producer itself says so. */
export function isSelfReported(entry: JsonObject): boolean {
  return textAt(entry, 'source', 'assurance') === 'self_reported';
}

/** Another program's record, brought in later: nothing of it happened here. Only the writer says so. */
export function isImported(entry: Json): boolean {
  return (
    textAt(entry, 'source', 'assurance') === 'self_reported' && isObject(field(entry, 'metadata', 'imported'))
  );
}

/** The recorder's own surface carried it out. */
export function isEnforced(entry: JsonObject): boolean {
  return textAt(entry, 'source', 'assurance') === 'enforced';
}

/** Whether `last` counts as the end of `first`: what was enforced is not ended by a client's word. */
export function mayEnd(first: JsonObject, last: JsonObject): boolean {
  return !isEnforced(first) || !isSelfReported(last);
}
