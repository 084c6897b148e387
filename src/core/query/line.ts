/** Looking into a stored line without parsing it. Everything here may only say no when it is sure. */
import { decodeUtf8 } from '../bytes.ts';
import type { Json, JsonObject } from '../json.ts';
import { isObject } from './fields.ts';

/** The end of an entry of this version: `ts`, `type` and `v` are its last members in RFC 8785's order. */
const END = /,"ts":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)","type":"[a-z0-9_.]{1,64}","v":\d{1,6}\}$/;
const END_BYTES = 160;
const ID = /"id":"(log_[0-9A-Z]{26})","index":/;
const ID_BYTES = 46;
const INDEX = Buffer.from('","index":');
const PARENT = Buffer.from('"parent_id":"');

/** The entry's time, when the line ends the way this version writes it. */
export function lineTime(line: Buffer): string | undefined {
  return END.exec(line.toString('latin1', Math.max(0, line.length - END_BYTES)))?.[1];
}

/** The entry's id; undefined when it cannot be seen without parsing. */
export function lineId(line: Buffer): string | undefined {
  const at = line.indexOf(INDEX);
  if (at === -1) return undefined;
  return ID.exec(line.toString('latin1', Math.max(0, at - ID_BYTES), at + INDEX.length))?.[1];
}

/** The parent's id. */
export function lineParent(line: Buffer): string | undefined {
  const at = line.indexOf(PARENT);
  if (at === -1) return undefined;
  const start = at + PARENT.length;
  const end = line.indexOf(0x22, start);
  return end === -1 ? undefined : line.toString('latin1', start, end);
}

export type Parsed = { readonly entry: JsonObject } | { readonly malformed: string };

export function parseLine(line: Buffer): Parsed {
  const text = decodeUtf8(line);
  if (text === undefined) return { malformed: 'not UTF-8' };
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch {
    return { malformed: 'not JSON' };
  }
  return isObject(value) ? { entry: value } : { malformed: 'not a JSON object' };
}
