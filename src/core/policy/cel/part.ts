/**
 * A checked part of a rule: what kind of value it gives, and how. Values are plain: booleans, numbers, text, lists of
 * these. A failure is a value too, so that `false && failure` can be false, as CEL says, and nothing is thrown.
 */
import type { CelBindings } from './bindings.ts';

export interface Failure {
  readonly failure: string;
  /** The fact that was not there. */
  readonly missing?: string;
  /** The arguments could not be read at all. */
  readonly unread?: true;
}
export type Value = boolean | number | string | readonly Value[] | Failure;

/** One evaluation. `item` is the variable of the one comprehension that may run; `work` bounds what text costs. */
export interface Frame {
  readonly bindings: CelBindings;
  item: Value;
  work: number;
}
export type Run = (frame: Frame) => Value;

/**
 * `int` is a whole number that was written so (or counted): it may be compared, not reckoned with. `any` is what a
 * fact may be: text, a number or a boolean. `loose` is `any` or `int`.
 */
export type Kind = 'bool' | 'double' | 'int' | 'text' | 'any' | 'loose' | 'list';

export interface Part {
  readonly kind: Kind;
  /** Of a list: what is in it. */
  readonly item?: Kind;
  readonly run: Run;
  /** Of a literal. */
  readonly literal?: Value;
}

/** Thrown while a rule is checked, and caught where that began. Offsets count UTF-16 units of the rule's text. */
export class Refusal extends Error {
  readonly offset: number;
  readonly hint: string | undefined;
  constructor(problem: string, offset: number, hint?: string) {
    super(problem);
    this.offset = offset;
    this.hint = hint;
  }
}

export const isFailure = (value: Value): value is Failure =>
  typeof value === 'object' && !Array.isArray(value) && 'failure' in value;

export const failure = (text: string): Failure => ({ failure: text });

/** For a person: "text", "a number". */
export function kindOf(value: Value): string {
  if (typeof value === 'string') return 'text';
  if (typeof value === 'number') return 'a number';
  if (typeof value === 'boolean') return 'true or false';
  return 'a list';
}

export const KIND_WORDS: Readonly<Record<Kind, string>> = {
  bool: 'true or false',
  double: 'a number',
  int: 'a whole number',
  text: 'text',
  any: 'a fact',
  loose: 'a fact or a whole number',
  list: 'a list',
};

const NUMBERS: readonly Kind[] = ['double', 'int'];

/** Whether values of the two kinds can be of one kind when it runs. */
export function meet(a: Kind, b: Kind): boolean {
  if (a === b) return true;
  if (NUMBERS.includes(a) && NUMBERS.includes(b)) return true;
  const open = (kind: Kind): boolean => kind === 'any' || kind === 'loose';
  return (open(a) && b !== 'list') || (open(b) && a !== 'list');
}
