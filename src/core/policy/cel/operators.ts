/** `&&`, `||`, `!`, comparisons, arithmetic, `in` and `?:`. */
import { LIMITS } from '../../limits.ts';
import {
  failure,
  isFailure,
  KIND_WORDS,
  kindOf,
  meet,
  type Part,
  Refusal,
  type Run,
  type Value,
} from './part.ts';

const isTruth = (part: Part): boolean => part.kind === 'bool' || part.kind === 'any' || part.kind === 'loose';

function wantTruth(part: Part, operator: string, offset: number): void {
  if (isTruth(part)) return;
  throw new Refusal(`${operator} needs true or false, and here stands ${KIND_WORDS[part.kind]}`, offset);
}

const asTruth = (value: Value, operator: string): Value =>
  typeof value === 'boolean' || isFailure(value)
    ? value
    : failure(`${operator} needs true or false, and met ${kindOf(value)}`);

/** Both ways round, as CEL has it: `failure && false` is false, whatever failed. */
export function logical(operator: '&&' | '||', left: Part, right: Part, offset: number): Part {
  wantTruth(left, operator, offset);
  wantTruth(right, operator, offset);
  const decides = operator === '||';
  const { run: first } = left;
  const { run: second } = right;
  return {
    kind: 'bool',
    run: (frame) => {
      const a = asTruth(first(frame), operator);
      if (a === decides) return a;
      const b = asTruth(second(frame), operator);
      return b === decides || typeof a === 'boolean' ? b : a;
    },
  };
}

export function not(part: Part, offset: number): Part {
  wantTruth(part, '!', offset);
  const { run } = part;
  return {
    kind: 'bool',
    run: (frame) => {
      const value = asTruth(run(frame), '!');
      return typeof value === 'boolean' ? !value : value;
    },
  };
}

/** By code points, which UTF-16 orders otherwise beyond the first plane. */
function compareText(a: string, b: string): number {
  const most = Math.min(a.length, b.length);
  for (let i = 0; i < most; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    // Surrogates come after everything that is one unit.
    const order = (unit: number): number => (unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit);
    return order(x) - order(y);
  }
  return a.length - b.length;
}

const ORDER: Readonly<Record<string, (order: number) => boolean>> = {
  '<': (order) => order < 0,
  '<=': (order) => order <= 0,
  '>': (order) => order > 0,
  '>=': (order) => order >= 0,
};

const NUMERIC: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
};

const mismatch = (a: Value, b: Value): Value => failure(`${kindOf(a)} cannot be compared with ${kindOf(b)}`);

function wantMeeting(left: Part, right: Part, offset: number): void {
  if (left.kind === 'list' || right.kind === 'list')
    throw new Refusal('lists cannot be compared', offset, 'ask with `in`, or with exists(x, …)');
  if (meet(left.kind, right.kind)) return;
  throw new Refusal(
    `${KIND_WORDS[left.kind]} cannot be compared with ${KIND_WORDS[right.kind]}`,
    offset,
    'both sides have to be of one kind',
  );
}

export function ordering(operator: string, left: Part, right: Part, offset: number): Part {
  wantMeeting(left, right, offset);
  const numeric = NUMERIC[operator];
  const ordered = ORDER[operator];
  if (numeric === undefined || ordered === undefined) throw new Refusal(`no operator ${operator}`, offset);
  const { run: first } = left;
  const { run: second } = right;
  return {
    kind: 'bool',
    run: (frame) => {
      const a = first(frame);
      const b = second(frame);
      if (typeof a === 'number' && typeof b === 'number') return numeric(a, b);
      if (isFailure(a)) return a;
      if (isFailure(b)) return b;
      if (typeof a === 'string' && typeof b === 'string') {
        frame.work += Math.min(a.length, b.length);
        return ordered(compareText(a, b));
      }
      if (typeof a === 'boolean' && typeof b === 'boolean') return numeric(Number(a), Number(b));
      return mismatch(a, b);
    },
  };
}

/** True or false for two of one kind; of two kinds a failure, where CEL says false: a stop must not be slipped past. */
export function same(a: Value, b: Value): boolean | Value {
  if (typeof a === typeof b && typeof a !== 'object') return a === b;
  if (isFailure(a)) return a;
  if (isFailure(b)) return b;
  return mismatch(a, b);
}

export function equality(operator: '==' | '!=', left: Part, right: Part, offset: number): Part {
  wantMeeting(left, right, offset);
  const { run: first } = left;
  const { run: second } = right;
  const wanted = operator === '==';
  const run: Run = (frame) => {
    const answer = same(first(frame), second(frame));
    return typeof answer === 'boolean' ? answer === wanted : answer;
  };
  return { kind: 'bool', run };
}

function wantDouble(part: Part, operator: string, offset: number): void {
  if (part.kind === 'double' || part.kind === 'any') return;
  if (part.kind === 'int' || part.kind === 'loose') {
    const literal = typeof part.literal === 'number' ? part.literal : undefined;
    throw new Refusal(
      `${operator} reckons with numbers such as 1.0, and here stands a whole number`,
      offset,
      literal === undefined ? 'wrap it: double(…)' : `write ${literal}.0`,
    );
  }
  throw new Refusal(`${operator} needs numbers, and here stands ${KIND_WORDS[part.kind]}`, offset);
}

const RECKON: Readonly<Record<string, (a: number, b: number) => number>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
};

export function arithmetic(operator: string, left: Part, right: Part, at: readonly [number, number]): Part {
  const reckon = RECKON[operator];
  if (reckon === undefined)
    throw new Refusal(`${operator} is not offered: numbers are not whole here`, at[0]);
  const text = operator === '+' && (left.kind === 'text' || right.kind === 'text');
  for (const [i, part] of [left, right].entries()) {
    const offset = at[i] ?? 0;
    if (!text) wantDouble(part, operator, offset);
    else if (part.kind !== 'text' && part.kind !== 'any')
      throw new Refusal(`+ joins text with text, and here stands ${KIND_WORDS[part.kind]}`, offset);
  }
  const { run: first } = left;
  const { run: second } = right;
  return {
    kind: text ? 'text' : left.kind === 'double' || right.kind === 'double' ? 'double' : 'any',
    run: (frame) => {
      const a = first(frame);
      const b = second(frame);
      if (typeof a === 'number' && typeof b === 'number') return reckon(a, b);
      if (isFailure(a)) return a;
      if (isFailure(b)) return b;
      if (operator === '+' && typeof a === 'string' && typeof b === 'string') return join(frame, a, b);
      return failure(`${operator} does not go with ${kindOf(a)} and ${kindOf(b)}`);
    },
  };
}

function join(frame: { work: number }, a: string, b: string): Value {
  frame.work += a.length + b.length;
  return a.length + b.length > LIMITS.celTextChars ? failure('the text is too long') : a + b;
}

export function negative(part: Part, offset: number): Part {
  const { run, literal } = part;
  if (typeof literal === 'number' && (part.kind === 'int' || part.kind === 'double')) {
    // Whole numbers have no zero with a sign; divided by, it would give the other infinity.
    const value = part.kind === 'int' ? 0 - literal : -literal;
    return { kind: part.kind, literal: value, run: () => value };
  }
  wantDouble(part, '-', offset);
  return {
    kind: 'double',
    run: (frame) => {
      const value = run(frame);
      if (typeof value === 'number') return -value;
      return isFailure(value) ? value : failure(`- needs a number, and met ${kindOf(value)}`);
    },
  };
}

export function choice(condition: Part, yes: Part, no: Part, at: readonly [number, number]): Part {
  wantTruth(condition, '?:', at[0]);
  if (yes.kind === 'list' || no.kind === 'list' || !meet(yes.kind, no.kind))
    throw new Refusal('both sides of : have to be of one kind', at[1]);
  const kinds = [yes.kind, no.kind];
  const whole = kinds.includes('int') || kinds.includes('loose');
  const kind = yes.kind === no.kind ? yes.kind : whole ? 'loose' : 'any';
  const { run } = condition;
  return {
    kind,
    run: (frame) => {
      const value = asTruth(run(frame), '?:');
      if (value === true) return yes.run(frame);
      return value === false ? no.run(frame) : value;
    },
  };
}
