/** Looking into a stored line without parsing it. Everything here may only say no when it is sure. */
import { decodeUtf8 } from '../bytes.ts';
import type { Json, JsonObject } from '../json.ts';
import { parseJson } from '../parse.ts';
import { isObject } from './fields.ts';

/** The end of an entry of this version: `ts`, `type` and `v` are its last members in RFC 8785's order. */
const END = /,"ts":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)","type":"([a-z0-9_.]{1,64})","v":\d{1,6}\}$/;
const END_BYTES = 160;
const ID = /"id":"(log_[0-9A-Z]{26})","index":/;
const ID_BYTES = 46;
const INDEX = Buffer.from('","index":');
const PARENT = Buffer.from('"parent_id":"');

/** The entry's time, when the line ends the way this version writes it. */
export function lineTime(line: Buffer): string | undefined {
  return endOf(line)?.[1];
}

/** Its type, likewise. Nothing inside the entry can stand there. */
export function lineType(line: Buffer): string | undefined {
  return endOf(line)?.[2];
}

function endOf(line: Buffer): RegExpExecArray | null {
  return END.exec(line.toString('latin1', Math.max(0, line.length - END_BYTES)));
}

/**
 * Every id in the line that stands where an entry's own id stands. More than one when nested objects imitate it: who
 * wants to be sure parses. None when members of a newer version come between.
 */
export function* lineIds(line: Buffer): Generator<string> {
  for (let at = line.indexOf(INDEX); at !== -1; at = line.indexOf(INDEX, at + INDEX.length)) {
    const id = ID.exec(line.toString('latin1', Math.max(0, at - ID_BYTES), at + INDEX.length))?.[1];
    if (id !== undefined) yield id;
  }
}

/** Every parent id in the line, its own and those of nested objects. */
export function* lineParents(line: Buffer): Generator<string> {
  for (let at = line.indexOf(PARENT); at !== -1; at = line.indexOf(PARENT, at + PARENT.length)) {
    const start = at + PARENT.length;
    const end = line.indexOf(0x22, start);
    if (end !== -1) yield line.toString('latin1', start, end);
  }
}

export type Parsed = { readonly entry: JsonObject } | { readonly malformed: string };

export function parseLine(line: Buffer): Parsed {
  const text = decodeUtf8(line);
  if (text === undefined) return { malformed: 'not UTF-8' };
  let value: Json;
  try {
    value = parseJson(text) as Json;
  } catch {
    return { malformed: 'not JSON' };
  }
  return isObject(value) ? { entry: value } : { malformed: 'not a JSON object' };
}
