/** Who vouches for an entry. A client of the recorder may say anything, also how somebody else's action ended. */
import type { JsonObject } from '../json.ts';
import { textAt } from './fields.ts';

/** Nobody but the producer itself says so. */
export function isSelfReported(entry: JsonObject): boolean {
  return textAt(entry, 'source', 'assurance') === 'self_reported';
}

/** The recorder's own surface carried it out. */
export function isEnforced(entry: JsonObject): boolean {
  return textAt(entry, 'source', 'assurance') === 'enforced';
}

/** Whether `last` counts as the end of `first`: what was enforced is not ended by a client's word. */
export function mayEnd(first: JsonObject, last: JsonObject): boolean {
  return !isEnforced(first) || !isSelfReported(last);
}
