/**
 * The general writer of RFC 8785: any JSON value, members sorted as it goes. `canonicalize` is its public face.
 */
import { TallyError } from '../error.ts';
import { LIMITS } from '../limits.ts';
import { quote } from './quote.ts';

/** Where we are: containers from the root down. Only built so that an error can name the place. */
export interface Frame {
  readonly parent: Frame | undefined;
  /** Member name or index of the container inside its parent. */
  readonly key: string | number;
  readonly value: object;
  readonly depth: number;
}

/** Members and elements still allowed: objects that share sub-objects can double at every level. */
export interface Budget {
  nodes: number;
}

/** `key` is the place of `value` inside `parent`. The contract is that of `canonicalize`. */
export function writeValue(
  value: unknown,
  key: string | number,
  parent: Frame | undefined,
  budget: Budget,
): string {
  switch (typeof value) {
    case 'string':
      return quote(value) ?? refuse('a string with a lone surrogate has no UTF-8 form', key, parent);
    case 'number':
      // -0 becomes "0", as RFC 8785 §3.2.2.3 asks.
      return Number.isFinite(value) ? `${value}` : refuse(`${value} is no JSON number`, key, parent);
    case 'boolean':
      return value ? 'true' : 'false';
    case 'object':
      if (value === null) return 'null';
      return Array.isArray(value)
        ? writeArray(value, enter(value, key, parent), budget)
        : writeObject(value as Readonly<Record<string, unknown>>, enter(value, key, parent), budget);
    default:
      return refuse(`a value of type ${typeof value} has no JSON form`, key, parent);
  }
}

function writeArray(items: readonly unknown[], frame: Frame, budget: Budget): string {
  let text = '[';
  for (let i = 0; i < items.length; i++) {
    spend(budget, i, frame);
    if (i > 0) text += ',';
    const item = items[i];
    text += item === undefined ? 'null' : writeValue(item, i, frame, budget);
  }
  return `${text}]`;
}

function writeObject(object: Readonly<Record<string, unknown>>, frame: Frame, budget: Budget): string {
  const prototype: unknown = Object.getPrototypeOf(object);
  // Plain objects of another realm pass too: what counts is that nothing but Object.prototype is inherited.
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
    return refuse('a class instance has no JSON form; convert it first', frame.key, frame.parent);
  }
  let text = '{';
  let first = true;
  for (const key of sortedKeys(object)) {
    const member = object[key];
    if (member === undefined) continue;
    spend(budget, key, frame);
    if (first) first = false;
    else text += ',';
    text += quote(key) ?? refuse('a member name with a lone surrogate has no UTF-8 form', key, frame);
    text += `:${writeValue(member, key, frame, budget)}`;
  }
  return `${text}}`;
}

/** For the few members of usual objects, insertion beats the set-up of Array.prototype.sort. */
const INSERTION_MOST = 24;

/** Own enumerable names by UTF-16 code units, which is what `<` compares. */
function sortedKeys(object: object): string[] {
  const keys = Object.keys(object);
  if (keys.length > INSERTION_MOST) return keys.sort();
  for (let i = 1; i < keys.length; i++) {
    const key = keys[i] as string;
    let at = i;
    while (at > 0 && key < (keys[at - 1] as string)) {
      keys[at] = keys[at - 1] as string;
      at--;
    }
    keys[at] = key;
  }
  return keys;
}

function enter(value: object, key: string | number, parent: Frame | undefined): Frame {
  const depth = parent === undefined ? 1 : parent.depth + 1;
  // A cycle always reaches this depth, so ancestors need no look-up on the way down.
  if (depth > LIMITS.jsonDepth) {
    for (let frame = parent; frame !== undefined; frame = frame.parent) {
      if (frame.value === value) return refuse('it contains itself', key, parent);
    }
    return refuse(`it is nested deeper than ${LIMITS.jsonDepth} levels`, key, parent);
  }
  return { parent, key, value, depth };
}

function spend(budget: Budget, key: string | number, frame: Frame): void {
  if (budget.nodes-- <= 0) {
    refuse(`it has more than ${LIMITS.canonicalNodes} members and elements`, key, frame);
  }
}

const PLAIN_NAME = /^[A-Za-z_][A-Za-z0-9_]{0,63}$/;
const NAME_CHARS = 64;

/** `$.a["b c"][0]`. Long names are cut: a name can hold anything, a message must stay readable. */
function pathOf(key: string | number, parent: Frame | undefined): string {
  let path = '';
  let step: string | number = key;
  for (let frame = parent; frame !== undefined; frame = frame.parent) {
    if (typeof step === 'number') path = `[${step}]${path}`;
    else if (PLAIN_NAME.test(step)) path = `.${step}${path}`;
    else path = `[${JSON.stringify(step.slice(0, NAME_CHARS))}]${path}`;
    step = frame.key;
  }
  return `$${path}`;
}

function refuse(why: string, key: string | number, parent: Frame | undefined): never {
  const path = pathOf(key, parent);
  throw new TallyError('BAD_EVENT', `${path}: ${why}`, {
    hint: 'only plain JSON can be recorded; nothing was recorded for this event',
    details: { path },
  });
}
