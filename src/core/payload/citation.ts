/** Where an entry says its payload lies, read from entries that anybody may have written. */
import type { JsonObject } from '../json.ts';
import { LIMITS } from '../limits.ts';
import { field, isObject, numberAt, textAt } from '../query/fields.ts';
import { BLOB_OVERHEAD } from './blob.ts';

export interface Citation {
  /** First index of the segment whose payloads the pack holds. */
  readonly pack: number;
  readonly offset: number;
  readonly length: number;
  readonly cipher_hash: string;
  readonly key_id: string;
}

const PACK = /^(\d{12,16})\.pack$/;
const HASH = /^[0-9a-f]{64}$/;

export function packName(first: number): string {
  return `${String(first).padStart(12, '0')}.pack`;
}

/** undefined for a name that no pack has. The name comes from an entry and becomes a path: nothing else may pass. */
export function packFirst(name: string): number | undefined {
  const first = Number(PACK.exec(name)?.[1] ?? Number.NaN);
  return Number.isSafeInteger(first) && packName(first) === name ? first : undefined;
}

/** `none`: the entry cites nothing. `malformed`: what it says can be no place of a payload. */
export function citationOf(entry: JsonObject): Citation | 'none' | 'malformed' {
  const payload = field(entry, 'payload');
  if (payload === undefined) return 'none';
  if (!isObject(payload)) return 'malformed';
  const name = textAt(payload, 'pack');
  // A payload of which only a hash was kept.
  if (name === undefined && field(payload, 'cipher_hash') === undefined) return 'none';
  const pack = packFirst(name ?? '');
  const offset = numberAt(payload, 'offset');
  const length = numberAt(payload, 'length');
  const cipher_hash = textAt(payload, 'cipher_hash') ?? '';
  const key_id = textAt(payload, 'key_id') ?? '';
  const isPlace =
    pack !== undefined &&
    isCount(offset) &&
    isCount(length) &&
    length >= BLOB_OVERHEAD &&
    length <= LIMITS.payloadBytes + BLOB_OVERHEAD &&
    Number.isSafeInteger(offset + length);
  if (!isPlace || !HASH.test(cipher_hash)) return 'malformed';
  return { pack, offset, length, cipher_hash, key_id };
}

function isCount(value: number | undefined): value is number {
  return value !== undefined && Number.isSafeInteger(value) && value >= 0;
}
