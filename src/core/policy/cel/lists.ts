/** Lists: literals, `in`, an element, and the comprehensions over one. */
import { LIMITS } from '../../limits.ts';
import { same } from './operators.ts';
import {
  type Frame,
  failure,
  isFailure,
  KIND_WORDS,
  type Kind,
  kindOf,
  meet,
  type Part,
  Refusal,
  type Run,
  type Value,
} from './part.ts';

const isList = (value: Value): value is readonly Value[] => Array.isArray(value);

/** All of one kind, as CEL has it. */
export function listOf(parts: readonly Part[], offset: number): Part {
  if (parts.length > LIMITS.celListItems)
    throw new Refusal(`a list may have ${LIMITS.celListItems} items`, offset);
  const kind = parts[0]?.kind ?? 'any';
  for (const part of parts) {
    if (part.kind === 'list') throw new Refusal('a list of lists is not offered', offset);
    if (part.kind !== kind)
      throw new Refusal(
        `a list has items of one kind, and here stand ${KIND_WORDS[kind]} and ${KIND_WORDS[part.kind]}`,
        offset,
      );
  }
  const literals = parts.flatMap((part) => (part.literal === undefined ? [] : [part.literal]));
  if (literals.length === parts.length)
    return { kind: 'list', item: kind, literal: literals, run: () => literals };
  return {
    kind: 'list',
    item: kind,
    run: (frame) => {
      const items = parts.map((part) => part.run(frame));
      return items.find(isFailure) ?? items;
    },
  };
}

function find(frame: Frame, wanted: Value, list: readonly Value[]): Value {
  if (list.length > LIMITS.celListItems) return failure('the list is too long');
  frame.work += list.length;
  let failed: Value = false;
  for (const item of list) {
    const answer = same(wanted, item);
    if (answer === true) return true;
    if (answer !== false) failed = answer;
  }
  return failed;
}

export function membership(left: Part, right: Part, offset: number): Part {
  if (right.kind !== 'list')
    throw new Refusal(
      `in needs a list, and here stands ${KIND_WORDS[right.kind]}`,
      offset,
      'for example: x in ["a", "b"]',
    );
  if (left.kind === 'list' || !meet(left.kind, right.item ?? 'any'))
    throw new Refusal(`${KIND_WORDS[left.kind]} is in no list of ${KIND_WORDS[right.item ?? 'any']}`, offset);
  const { run: wanted } = left;
  const { run: list, literal } = right;
  // The usual case: one of a few names.
  const names = isTexts(literal) ? new Set<Value>(literal) : undefined;
  return {
    kind: 'bool',
    run: (frame) => {
      const value = wanted(frame);
      if (isFailure(value)) return value;
      if (names !== undefined && typeof value === 'string') return names.has(value);
      const items = list(frame);
      return isList(items) ? find(frame, value, items) : items;
    },
  };
}

const isTexts = (value: Value | undefined): value is readonly string[] =>
  Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === 'string');

export function element(list: Part, index: Part, offset: number): Part {
  const at = index.literal;
  if (index.kind !== 'int' || typeof at !== 'number' || at < 0)
    throw new Refusal(
      'an item is asked for by its number, from 0',
      offset,
      'for example: actor.delegation_chain[0]',
    );
  const { run } = list;
  return {
    kind: list.item ?? 'any',
    run: (frame) => {
      const items = run(frame);
      if (!isList(items)) return items;
      return items[at] ?? failure(`the list has no item ${at}`);
    },
  };
}

export type Macro = 'all' | 'exists' | 'exists_one' | 'filter';

/** Over what is in the list now; at most `celListItems`, and the body has no comprehension of its own. */
export function comprehension(macro: Macro, list: Part, body: Part, offset: number): Part {
  if (body.kind !== 'bool' && body.kind !== 'any')
    throw new Refusal(
      `${macro} needs true or false of each item, and here stands ${KIND_WORDS[body.kind]}`,
      offset,
    );
  const walk = WALKS[macro];
  const run: Run = (frame) => {
    const items = list.run(frame);
    if (!isList(items)) return items;
    if (items.length > LIMITS.celListItems) return failure('the list is too long');
    return walk(items, (item) => {
      frame.item = item;
      frame.work += 1;
      if (frame.work > LIMITS.celWork) return failure('the rule takes too long');
      const value = body.run(frame);
      if (typeof value === 'boolean' || isFailure(value)) return value;
      return failure(`${macro} needs true or false of each item, and met ${kindOf(value)}`);
    });
  };
  const item: Kind = list.item ?? 'any';
  return macro === 'filter' ? { kind: 'list', item, run } : { kind: 'bool', run };
}

type Walk = (items: readonly Value[], test: (item: Value) => Value) => Value;

/** A failure counts only where no other item decides, as with && and ||. */
const until =
  (decides: boolean): Walk =>
  (items, test) => {
    let failed: Value = !decides;
    for (const item of items) {
      const value = test(item);
      if (value === decides) return decides;
      if (typeof value !== 'boolean' && typeof failed === 'boolean') failed = value;
    }
    return failed;
  };

const filtered: Walk = (items, test) => {
  const out: Value[] = [];
  for (const item of items) {
    const value = test(item);
    if (typeof value !== 'boolean') return value;
    if (value) out.push(item);
  }
  return out;
};

const WALKS: Readonly<Record<Macro, Walk>> = {
  all: until(false),
  exists: until(true),
  filter: filtered,
  exists_one: (items, test) => {
    const found = filtered(items, test);
    return isList(found) ? found.length === 1 : found;
  },
};
