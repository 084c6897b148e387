/** `log.erase` entries: which data keys were destroyed. */
import type { JsonObject } from '../json.ts';
import { listAt, textAt } from '../query/fields.ts';

export const LOG_ERASE = 'log.erase';

/** Keys that one entry names: with more of them `metadata` would grow past its bound. */
export const KEYS_AN_ENTRY = 128;

/** One alone as `key_id`, several as `key_ids`. Nothing of an entry that says the request was refused. */
export function erasedKeys(entry: JsonObject): readonly string[] {
  if (textAt(entry, 'type') !== LOG_ERASE || textAt(entry, 'decision', 'outcome') !== undefined) return [];
  const one = textAt(entry, 'metadata', 'key_id');
  const many = listAt(entry, 'metadata', 'key_ids');
  return [one, ...many].filter((key): key is string => typeof key === 'string' && key !== '');
}
