/**
 * Redacts the members of a plain object, one by one. Only runs when the gate found something. Nothing is changed in
 * place: what has nothing to redact is passed on as it is, what has is copied.
 */
import { z } from 'zod';
import type { Field, Shape } from '../canonical/shape.ts';
import { TallyError } from '../error.ts';
import { LIMITS } from '../limits.ts';
import { type Counts, countHit, isMarker, markerOf } from './rules.ts';

/** Redacts one text. `identity`: an e-mail address is meant to be here. */
export type RedactText = (text: string, counts: Counts, mode: TextMode) => string;
export type TextMode = 'all' | 'identity' | 'exact';

export interface WalkOptions {
  readonly redactText: RedactText;
  readonly isSecretName: (name: string) => boolean;
}

/** What the writer makes itself and the chain depends on; checked by the schema, so nothing from outside is in it. */
const WRITTEN: ReadonlySet<string> = new Set(['.id', '.prev', '.ts']);
/** Who the user is belongs into the record; an e-mail address anywhere else does not. */
const IDENTITY = '.actor.user.email';

/**
 * Hashes and ids in our own formats. No rule would find anything true in them, but a run of digits in a hash can look
 * like something.
 */
const OWN_FORMAT = /^(?:[0-9a-f]{16,128}|[a-z]{2,8}_[0-9A-HJKMNP-TV-Z]{26})$/;

export const KEY_RULE = 'key-name';
/** Texts of numbers shorter than this cannot hold a searched value or a card. */
const FEWEST_NUMBER_CHARS = LIMITS.secretMinBytes;

type Members = Readonly<Record<string, unknown>>;

/**
 * `shape` says which members are known; undefined for free-form values. Throws `BAD_EVENT` beyond `LIMITS.jsonDepth`
 * and `LIMITS.jsonNodes` and for anything but plain JSON: an event that cannot be looked through must not be stored.
 */
export function walk(
  value: unknown,
  shape: Shape | undefined,
  options: WalkOptions,
  counts: Counts,
): unknown {
  const { redactText, isSecretName } = options;
  let nodes = 0;

  function enter(depth: number): void {
    if (depth > LIMITS.jsonDepth)
      throw tooMuch(`it is nested deeper than ${LIMITS.jsonDepth} levels, or contains itself`);
    if (++nodes > LIMITS.jsonNodes)
      throw tooMuch(`it has more than ${LIMITS.jsonNodes} members and elements`);
  }

  function free(item: unknown, depth: number): unknown {
    enter(depth);
    switch (typeof item) {
      case 'string':
        return redactText(item, counts, 'all');
      case 'number':
        return number(item);
      case 'object':
        if (item === null) return null;
        return Array.isArray(item)
          ? elements(item, (element) => free(element, depth + 1))
          : members(item as Members, (key, member) => namedFree(key, member, depth));
      default:
        return item;
    }
  }

  /** A card number or a numeric password is one without quotes too. */
  function number(item: number): unknown {
    const text = String(item);
    if (text.length < FEWEST_NUMBER_CHARS) return item;
    const redacted = redactText(text, counts, 'all');
    return redacted === text ? item : redacted;
  }

  function namedFree(key: string, member: unknown, depth: number): readonly [string, unknown] {
    const name = redactText(key, counts, 'all');
    return [name, isSecretName(key) ? secretMember(member) : free(member, depth + 1)];
  }

  /** Whatever stands under a secret's name goes, except what cannot be a value. */
  function secretMember(member: unknown): unknown {
    if (member === undefined || member === null || member === '' || typeof member === 'boolean')
      return member;
    if (typeof member === 'string') {
      if (isMarker(member)) return member;
      // An exact value is replaced under its own name, which says more. Its count is kept only then.
      const trial: Counts = { count: 0, rules: Object.create(null) as Record<string, number> };
      const exact = redactText(member, trial, 'exact');
      if (isMarker(exact)) {
        for (const [rule, times] of Object.entries(trial.rules)) countHit(counts, rule, times);
        return exact;
      }
    }
    countHit(counts, KEY_RULE);
    return markerOf(KEY_RULE);
  }

  function shaped(object: Members, known: Shape, depth: number, path: string): unknown {
    enter(depth);
    return members(object, (key, member) => {
      const field = known.byKey.get(key);
      if (field === undefined) return namedFree(key, member, depth);
      return [key, knownMember(field, member, depth + 1, `${path}.${key}`)];
    });
  }

  function knownMember(field: Field, member: unknown, depth: number, path: string): unknown {
    const { shape: inner, schema } = field;
    if (typeof member === 'string') return knownText(schema, member, path);
    if (typeof member === 'number' || typeof member === 'boolean') return member;
    if (typeof member !== 'object' || member === null) return member;
    if (inner !== undefined && Array.isArray(member) === field.many) {
      return Array.isArray(member)
        ? elements(member, (element) =>
            isObject(element) ? shaped(element, inner, depth + 1, path) : free(element, depth + 1),
          )
        : shaped(member as Members, inner, depth, path);
    }
    // Records of our own counts and grades have names for keys, and numbers and grades for values.
    if (schema instanceof z.ZodRecord && !(schema.valueType instanceof z.ZodUnknown) && isObject(member)) {
      enter(depth);
      return members(member, (key, item) => [
        redactText(key, counts, 'exact'),
        typeof item === 'object' ? free(item, depth + 1) : item,
      ]);
    }
    return free(member, depth);
  }

  function knownText(schema: z.core.$ZodType, text: string, path: string): string {
    if (WRITTEN.has(path) || isFixedWord(schema, text)) return text;
    if (OWN_FORMAT.test(text)) return redactText(text, counts, 'exact');
    return redactText(text, counts, path === IDENTITY ? 'identity' : 'all');
  }

  return shape !== undefined && isObject(value) ? shaped(value, shape, 1, '') : free(value, 1);
}

/** One of the words that the schema lists: public, so nothing is given away, and the entry would be invalid without. */
function isFixedWord(schema: z.core.$ZodType, text: string): boolean {
  if (schema instanceof z.ZodEnum) return (schema.options as readonly unknown[]).includes(text);
  return schema instanceof z.ZodLiteral && (schema.values as ReadonlySet<unknown>).has(text);
}

function isObject(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function elements(items: readonly unknown[], redact: (item: unknown) => unknown): readonly unknown[] {
  let copy: unknown[] | undefined;
  for (let i = 0; i < items.length; i++) {
    const item = items[i];
    const redacted = redact(item);
    if (redacted !== item) copy ??= items.slice(0, i);
    copy?.push(redacted);
  }
  return copy ?? items;
}

function members(
  object: Members,
  redact: (key: string, member: unknown) => readonly [string, unknown],
): Members {
  const prototype: unknown = Object.getPrototypeOf(object);
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
    throw tooMuch('a class instance has no JSON form; convert it first');
  }
  const keys = Object.keys(object);
  const redacted: (readonly [string, unknown])[] = [];
  let changed = false;
  for (const key of keys) {
    const pair = redact(key, object[key]);
    if (pair[0] !== key || pair[1] !== object[key]) changed = true;
    redacted.push(pair);
  }
  return changed ? fromPairs(redacted) : object;
}

/** Names that became equal are numbered: dropping a member would hide that it was there. */
function fromPairs(pairs: readonly (readonly [string, unknown])[]): Members {
  const taken = new Set<string>();
  return Object.fromEntries(
    pairs.map(([wanted, value]) => {
      let name = wanted;
      for (let n = 2; taken.has(name); n++) name = `${wanted}#${n}`;
      taken.add(name);
      return [name, value];
    }),
  );
}

function tooMuch(why: string): TallyError {
  return new TallyError('BAD_EVENT', `the event cannot be searched for secrets: ${why}`, {
    hint: 'record less: put large values into the payload; nothing was recorded for this event',
  });
}
