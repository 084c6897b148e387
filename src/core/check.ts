/**
 * A quick look that saves most values a full parse: true only when zod would accept the value and give back the same
 * members. False says nothing; the schema itself then decides and says what is wrong. zod copies what it checks, which
 * costs more than everything it finds; the recorder looks at each event once and does not keep it.
 */
import { z } from 'zod';
import { isConstant } from './constant.ts';

export type Check = (value: unknown) => boolean;

const ANYTHING: Check = () => true;
/** For what is not understood here: the schema decides. */
const NO_SHORTCUT: Check = () => false;

interface Member {
  readonly key: string;
  readonly check: Check;
  readonly optional: boolean;
}

/** Whether every part of the schema is understood; one that is not would quietly lose the shortcut. */
export function hasShortcut(schema: z.core.$ZodType): boolean {
  return compile(schema) !== NO_SHORTCUT && childrenOf(schema).every(hasShortcut);
}

/** Compiled once, for schemas without transforms, defaults and refinements. Pure. */
export function quickCheck(schema: z.core.$ZodType): Check {
  return compile(schema);
}

function compile(schema: z.core.$ZodType): Check {
  if (schema instanceof z.ZodOptional) {
    const inner = compile(schema.unwrap());
    return inner === NO_SHORTCUT ? inner : (value) => value === undefined || inner(value);
  }
  if (schema instanceof z.ZodUnknown) return ANYTHING;
  if (schema instanceof z.ZodBoolean) return (value) => typeof value === 'boolean';
  if (schema instanceof z.ZodEnum) return oneOf(schema.options);
  if (schema instanceof z.ZodString) return stringCheck(schema);
  if (schema instanceof z.ZodNumber) return numberCheck(schema);
  if (schema instanceof z.ZodArray) return arrayCheck(schema);
  if (schema instanceof z.ZodRecord) return recordCheck(schema);
  if (schema instanceof z.ZodObject) return objectCheck(schema);
  return NO_SHORTCUT;
}

function childrenOf(schema: z.core.$ZodType): readonly z.core.$ZodType[] {
  if (schema instanceof z.ZodOptional) return [schema.unwrap()];
  if (schema instanceof z.ZodArray) return [schema.element];
  if (schema instanceof z.ZodRecord) return [schema.valueType];
  if (schema instanceof z.ZodObject) return Object.values(schema.shape) as z.core.$ZodType[];
  return [];
}

function oneOf(options: readonly unknown[]): Check {
  const allowed = new Set(options);
  return (value) => allowed.has(value);
}

/** The definitions of all checks of a schema, or undefined when one of them is not in `known`. */
function checksOf(
  schema: z.core.$ZodType,
  known: readonly string[],
): readonly Readonly<Record<string, unknown>>[] | undefined {
  const own = schema._zod.def as { readonly checks?: readonly z.core.$ZodCheck[] };
  const defs = (own.checks ?? []).map(({ _zod }) => ({ ...(_zod.def as object) }) as Record<string, unknown>);
  return defs.every(({ check }) => known.includes(String(check))) ? defs : undefined;
}

function stringCheck(schema: z.ZodString): Check {
  const defs = checksOf(schema, ['min_length', 'max_length', 'string_format']);
  if (defs === undefined) return NO_SHORTCUT;
  let least = 0;
  let most = Number.POSITIVE_INFINITY;
  const patterns: RegExp[] = [];
  for (const { check, minimum, maximum, format, pattern } of defs) {
    if (check === 'min_length') least = Math.max(least, Number(minimum));
    else if (check === 'max_length') most = Math.min(most, Number(maximum));
    else if (format === 'regex' && pattern instanceof RegExp && pattern.flags === '') patterns.push(pattern);
    else return NO_SHORTCUT;
  }
  if (patterns.length === 0)
    return (value) => typeof value === 'string' && value.length >= least && value.length <= most;
  return (value) =>
    typeof value === 'string' &&
    value.length >= least &&
    value.length <= most &&
    patterns.every((pattern) => pattern.test(value));
}

function numberCheck(schema: z.ZodNumber): Check {
  const defs = checksOf(schema, ['number_format', 'greater_than', 'less_than']);
  if (defs === undefined) return NO_SHORTCUT;
  let whole = false;
  let least = Number.NEGATIVE_INFINITY;
  let most = Number.POSITIVE_INFINITY;
  for (const { check, value, inclusive, format } of defs) {
    if (check === 'number_format') {
      if (format !== 'safeint') return NO_SHORTCUT;
      whole = true;
    } else if (inclusive !== true) return NO_SHORTCUT;
    else if (check === 'greater_than') least = Math.max(least, Number(value));
    else most = Math.min(most, Number(value));
  }
  return (value) =>
    typeof value === 'number' &&
    Number.isFinite(value) &&
    value >= least &&
    value <= most &&
    (!whole || Number.isSafeInteger(value));
}

function arrayCheck(schema: z.ZodArray): Check {
  const defs = checksOf(schema, ['max_length']);
  const element = compile(schema.element as z.core.$ZodType);
  if (defs === undefined || element === NO_SHORTCUT) return NO_SHORTCUT;
  const most = Math.min(Number.POSITIVE_INFINITY, ...defs.map(({ maximum }) => Number(maximum)));
  /** Elements that were accepted and never change: the results of layers, of which every decision has a dozen. */
  const constants = new WeakSet<object>();
  const accepts = (item: unknown): boolean => {
    if (typeof item !== 'object' || item === null) return element(item);
    if (constants.has(item)) return true;
    if (!element(item)) return false;
    if (isConstant(item)) constants.add(item);
    return true;
  };
  return (value) => {
    if (!Array.isArray(value) || value.length > most) return false;
    // Not `every`: it passes over holes.
    for (let i = 0; i < value.length; i++) if (!accepts(value[i])) return false;
    return true;
  };
}

/** Nothing inherited, and no member that assignment would treat as the prototype. */
function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return (
    typeof value === 'object' &&
    value !== null &&
    Object.getPrototypeOf(value) === Object.prototype &&
    !Object.hasOwn(value, '__proto__')
  );
}

function recordCheck(schema: z.ZodRecord): Check {
  const keys = schema.keyType as z.core.$ZodType;
  const member = compile(schema.valueType as z.core.$ZodType);
  const anyKey = keys instanceof z.ZodString && checksOf(keys, [])?.length === 0;
  if (!anyKey || checksOf(schema, []) === undefined || member === NO_SHORTCUT) return NO_SHORTCUT;
  if (member === ANYTHING) return isPlainObject;
  return (value) => {
    if (!isPlainObject(value)) return false;
    for (const key in value) if (!member(value[key])) return false;
    return true;
  };
}

function objectCheck(schema: z.ZodObject): Check {
  // Loose only: anything else drops or refuses members that are not named.
  if (!(schema.def.catchall instanceof z.ZodUnknown) || checksOf(schema, []) === undefined)
    return NO_SHORTCUT;
  const members: Member[] = [];
  for (const [key, member] of Object.entries(schema.shape) as [string, z.core.$ZodType][]) {
    const optional = member instanceof z.ZodOptional;
    const check = compile(optional ? (member.unwrap() as z.core.$ZodType) : member);
    if (check === NO_SHORTCUT) return NO_SHORTCUT;
    members.push({ key, check, optional });
  }
  const byKey = new Map(members.map((member) => [member.key, member]));
  const required = members.filter(({ optional }) => !optional).length;
  return (value) => {
    if (!isPlainObject(value)) return false;
    // Over what is there, which is half of what could be, and is read without a look-up for each shape of object.
    let found = 0;
    for (const key in value) {
      const member = value[key];
      const known = byKey.get(key);
      if (known === undefined || member === undefined) continue;
      if (!known.check(member)) return false;
      if (!known.optional) found++;
    }
    return found === required;
  };
}
