/** The chain between two lines: what an entry says of its place and of the one before it. */
import { parseJson } from '../core/parse.ts';
import { isObject } from '../core/query/fields.ts';
import { PREV_CHARS, scanFields } from '../core/tlog/fields.ts';
import { damaged } from './claims.ts';
import { type Line, lineText } from './lines.ts';

/**
 * The chain alone: what else may be odd about an entry that was acknowledged must not make it, and all after it, torn.
 * Both are read as verification reads them: what it cannot read must not be signed.
 */
export interface Link {
  readonly index: number;
  readonly prev: string;
}

export function linkOf(line: Line): Link | undefined {
  if (!line.whole) return undefined;
  try {
    if (!isObject(parseJson(lineText(line)))) return undefined;
    const { bytes, start, end } = line;
    const fields = scanFields(bytes, start, end);
    if (fields === undefined) return undefined;
    const { index, prevStart } = fields;
    return { index, prev: bytes.toString('latin1', prevStart, prevStart + PREV_CHARS) };
  } catch {
    // Not an entry at all: the torn line that the caller takes it for.
    return undefined;
  }
}

/**
 * Entry `index` names another hash than that of the entry before it: one of the two was altered. `next` is the entry
 * after it, when there is one: where it vouches for entry `index`, the one before is the altered one; where it does not,
 * the `prev` of entry `index` was edited.
 */
export function denied(index: number, hash: string, next: Link | undefined): Error {
  if (index === 0) return notSigned(0);
  if (next !== undefined) return notSigned(next.prev === hash ? index - 1 : index);
  return damaged(`entry ${index - 1} or entry ${index} is not the one that was signed`, index - 1);
}

export function notSigned(index: number): Error {
  return damaged(`entry ${index} is not the one that was signed`, index);
}
