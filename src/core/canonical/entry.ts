/**
 * Entries in canonical form, fast. An entry's members are known, so their order and their text are made once; what is
 * left per entry is joining strings. An object that carries a member the schema does not know is written by the
 * general path, so newer entries keep their bytes.
 */

import { isConstant } from '../constant.ts';
import { ENTRY_SHAPES } from '../entry.ts';
import { LIMITS } from '../limits.ts';
import { isPlain, quote } from './quote.ts';
import { type Field, type Shape, shapeOf } from './shape.ts';
import { type Budget, writeValue } from './write.ts';

type Members = Readonly<Record<string, unknown>>;

export const ENTRY_SHAPE = shapeOf(ENTRY_SHAPES.entry);

/** Thrown and caught in this file only; the general path then says where the fault is. */
const UNWRITABLE = new Error('no JSON form');

/** The canonical text, or undefined when the entry holds something that has no JSON form. */
export function writeEntry(entry: object): string | undefined {
  try {
    return writeShape(entry as Members, ENTRY_SHAPE);
  } catch {
    return undefined;
  }
}

const TARGET_SHAPE = shapeOf(ENTRY_SHAPES.target);

/** The canonical text of a target, or undefined when it holds something that has no JSON form. */
export function writeTarget(target: object): string | undefined {
  try {
    return writeShape(target as Members, TARGET_SHAPE);
  } catch {
    return undefined;
  }
}

function writeShape(object: Members, shape: Shape): string {
  if (Object.getPrototypeOf(object) !== Object.prototype) return writeUnknown(object, shape);
  const { fields } = shape;
  let text = '{';
  let written = 0;
  for (let i = 0; i < fields.length; i++) {
    const field = fields[i] as Field;
    const member = object[field.key];
    if (member === undefined) continue;
    if (typeof member === 'string') {
      if (isPlain(member)) text += `${written++ === 0 ? field.stringHead : field.commaStringHead}${member}"`;
      else text += (written++ === 0 ? field.head : field.commaHead) + quoteOrThrow(member);
      continue;
    }
    text += written++ === 0 ? field.head : field.commaHead;
    if (typeof member === 'number' && Number.isFinite(member)) text += member;
    else text += writeMember(member, field, shape);
  }
  return hasOnly(object, written) ? `${text}}` : writeUnknown(object, shape);
}

function writeMember(member: unknown, field: Field, shape: Shape): string {
  if (field.shape !== undefined && typeof member === 'object' && member !== null) {
    if (!Array.isArray(member)) {
      if (!field.many) return writeShape(member as Members, field.shape);
    } else if (field.many) {
      return writeShapes(member, field.shape, shape);
    }
  }
  return writeValue(member, '', shape.inside, freshBudget());
}

function writeShapes(items: readonly unknown[], shape: Shape, outer: Shape): string {
  let text = '[';
  for (let i = 0; i < items.length; i++) {
    if (i > 0) text += ',';
    const item = items[i];
    text +=
      typeof item === 'object' && item !== null && !Array.isArray(item)
        ? (shape.constants.get(item) ?? writeItem(item as Members, shape))
        : writeValue(item ?? null, '', outer.inside, freshBudget());
  }
  return `${text}]`;
}

/** Most decisions are made of the same few results of layers, which never change: their text is made once. */
function writeItem(object: Members, shape: Shape): string {
  const text = writeShape(object, shape);
  if (isConstant(object)) shape.constants.set(object, text);
  return text;
}

function writeUnknown(object: Members, shape: Shape): string {
  return writeValue(object, '', shape.outside, freshBudget());
}

/** Whether the object has no members besides the `known` ones that were written. */
function hasOnly(object: Members, known: number): boolean {
  let own = 0;
  for (const _ in object) own++;
  if (own === known) return true;
  // Members that are present but undefined count as absent; few objects have any, so they are looked for last.
  for (const key in object) if (object[key] === undefined) own--;
  return own === known;
}

function freshBudget(): Budget {
  return { nodes: LIMITS.canonicalNodes };
}

function quoteOrThrow(text: string): string {
  const quoted = quote(text);
  if (quoted === undefined) throw UNWRITABLE;
  return quoted;
}
