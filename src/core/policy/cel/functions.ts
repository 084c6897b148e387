/** The functions that a rule may call, each linear in what it is given; and why the others are not there. */
import { failure, isFailure, KIND_WORDS, kindOf, type Part, Refusal, type Value } from './part.ts';

/** What people try, and what to write in its place. */
const INSTEAD: Readonly<Record<string, string>> = {
  matches: 'a pattern can take for ever; use startsWith, endsWith, contains, or in',
  map: 'use exists(x, …), all(x, …) or filter(x, …)',
  timestamp: 'rules have no clock; bound a rate with limits:',
  duration: 'rules have no clock; bound a rate with limits:',
  now: 'rules have no clock; bound a rate with limits:',
  int: 'numbers are doubles: double(…)',
  uint: 'numbers are doubles: double(…)',
  string: 'compare with the number itself',
  type: 'a fact that is of another kind than it is compared with is a stop',
  dyn: 'facts need none',
};

export const FUNCTIONS = ['size', 'startsWith', 'endsWith', 'contains', 'double'] as const;

export function noFunction(name: string, offset: number): Refusal {
  const instead = Object.hasOwn(INSTEAD, name) ? INSTEAD[name] : undefined;
  return new Refusal(
    `${name}() is not offered`,
    offset,
    instead ?? `there are: has, ${FUNCTIONS.join(', ')}, in, exists, all, exists_one, filter`,
  );
}

const isOpen = (part: Part): boolean => part.kind === 'any';

/** Of text in characters (code points), of a list in items. */
export function size(part: Part, offset: number): Part {
  if (part.kind !== 'text' && part.kind !== 'list' && !isOpen(part))
    throw new Refusal(`size() is of text or of a list, and here stands ${KIND_WORDS[part.kind]}`, offset);
  const { run } = part;
  return {
    kind: 'int',
    run: (frame) => {
      const value = run(frame);
      if (Array.isArray(value)) return value.length;
      if (typeof value !== 'string') return wrong('size()', value);
      frame.work += value.length;
      let n = 0;
      for (const _ of value) n++;
      return n;
    },
  };
}

const wrong = (what: string, value: Value): Value =>
  isFailure(value) ? value : failure(`${what} met ${kindOf(value)}`);

export type TextTest = 'startsWith' | 'endsWith' | 'contains';

export function textTest(name: TextTest, text: Part, part: Part, offset: number): Part {
  for (const p of [text, part])
    if (p.kind !== 'text' && !isOpen(p))
      throw new Refusal(`${name}() is of text, and here stands ${KIND_WORDS[p.kind]}`, offset);
  const { run: first } = text;
  const { run: second } = part;
  const test = TESTS[name];
  return {
    kind: 'bool',
    run: (frame) => {
      const a = first(frame);
      const b = second(frame);
      if (typeof a !== 'string') return wrong(`${name}()`, a);
      if (typeof b !== 'string') return wrong(`${name}()`, b);
      frame.work += a.length;
      return test(a, b);
    },
  };
}

const TESTS: Readonly<Record<TextTest, (a: string, b: string) => boolean>> = {
  startsWith: (a, b) => a.startsWith(b),
  endsWith: (a, b) => a.endsWith(b),
  contains: (a, b) => a.includes(b),
};

const NUMBER = /^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$/;

/** Of a whole number, a number, or text that reads as one. */
export function double(part: Part, offset: number): Part {
  if (part.kind === 'bool' || part.kind === 'list')
    throw new Refusal(`double() is of a number or text, and here stands ${KIND_WORDS[part.kind]}`, offset);
  const { run, literal } = part;
  const convert = (value: Value): Value => {
    if (typeof value === 'number') return value;
    if (typeof value !== 'string') return wrong('double()', value);
    const number = value.length <= LONGEST_NUMBER && NUMBER.test(value) ? Number(value) : Number.NaN;
    return Number.isFinite(number) ? number : failure('double() met text that is no number');
  };
  if (typeof literal === 'number') return { kind: 'double', literal, run: () => literal };
  return { kind: 'double', run: (frame) => convert(run(frame)) };
}

/** Facts are at most so long. */
const LONGEST_NUMBER = 64;
