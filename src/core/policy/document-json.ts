/**
 * A policy file that is JSON, which is YAML too: large ones are written by programs, and reading YAML takes a hundred
 * times as long. The platform's parser gives the value; what it lets pass (a key that stands twice) is looked for here,
 * and places are found again only when a problem is told.
 */
import { LIMITS } from '../limits.ts';
import { shown } from './hosts.ts';
import type { Place, PolicyDocument, Problem } from './place.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const COMMA = 0x2c;
const COLON = 0x3a;

/** Whitespace of JSON, and the commas and colons between values. */
const isBetween = (code: number): boolean =>
  code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09 || code === COMMA || code === COLON;

interface Child {
  readonly key: string | number;
  /** Of the key; of an item, of the value. */
  readonly keyAt: number;
  readonly valueAt: number;
}

/** Reads text that is known to be JSON. */
function scanner(text: string) {
  const next = (at: number): number => {
    let i = at;
    while (isBetween(text.charCodeAt(i))) i++;
    return i;
  };
  /** The place behind the closing quote. */
  const endOfString = (at: number): number => {
    for (let i = at + 1; ; i++) {
      const code = text.charCodeAt(i);
      if (code === QUOTE) return i + 1;
      if (code === BACKSLASH) i++;
    }
  };
  const endOfScalar = (at: number): number => {
    let i = at;
    for (let code = text.charCodeAt(i); i < text.length; code = text.charCodeAt(++i))
      if (isBetween(code) || code === CLOSE_OBJECT || code === CLOSE_LIST) break;
    return i;
  };
  /** The place behind the value, whatever is in it. */
  const endOf = (at: number): number => {
    let depth = 0;
    let i = at;
    do {
      const code = text.charCodeAt(i);
      if (code === QUOTE) i = endOfString(i);
      else if (code === OPEN_OBJECT || code === OPEN_LIST) {
        depth++;
        i++;
      } else if (code === CLOSE_OBJECT || code === CLOSE_LIST) {
        depth--;
        i++;
      } else i = endOfScalar(i);
      i = depth === 0 ? i : next(i);
    } while (depth > 0);
    return i;
  };
  const textAt = (at: number, end: number): string => {
    const inner = text.slice(at + 1, end - 1);
    return inner.includes('\\') ? (JSON.parse(text.slice(at, end)) as string) : inner;
  };
  return { next, endOfString, endOfScalar, endOf, textAt };
}

type Scanner = ReturnType<typeof scanner>;

/** What the platform's parser lets pass. Stops at the first ones that would be told. */
function problemsOf(text: string, scan: Scanner, place: (offset: number) => Place): readonly Problem[] {
  const problems: Problem[] = [];
  const report = (offset: number, message: string, hint?: string): void => {
    problems.push({ ...place(offset), message, ...(hint === undefined ? {} : { hint }) });
  };
  const open: (Set<string> | undefined)[] = [];
  let values = 0;
  let i = scan.next(0);
  while (i < text.length && problems.length < LIMITS.policyProblems) {
    const code = text.charCodeAt(i);
    if (code === OPEN_OBJECT || code === OPEN_LIST) {
      open.push(code === OPEN_OBJECT ? new Set() : undefined);
      if (open.length > LIMITS.jsonDepth) {
        report(i, 'nested too deeply');
        break;
      }
      i++;
    } else if (code === CLOSE_OBJECT || code === CLOSE_LIST) {
      open.pop();
      i++;
    } else if (code === QUOTE) {
      const end = scan.endOfString(i);
      const word = scan.textAt(i, end);
      if (!word.isWellFormed()) report(i, 'half of a surrogate pair is not text');
      const keys = open.at(-1);
      if (keys !== undefined && text.charCodeAt(nextColon(text, end)) === COLON) {
        if (keys.has(word)) report(i, `the key ${shown(word)} stands here twice`);
        if (word === '__proto__') report(i, 'the key "__proto__" is not allowed');
        keys.add(word);
      }
      i = end;
    } else i = scan.endOfScalar(i);
    values++;
    if (values > LIMITS.policyValues) {
      report(i, `over ${LIMITS.policyValues} values`);
      break;
    }
    i = scan.next(i);
  }
  return problems;
}

/** Over whitespace only: a colon behind a text makes it a key. */
function nextColon(text: string, at: number): number {
  let i = at;
  while (isBetween(text.charCodeAt(i)) && text.charCodeAt(i) !== COLON && text.charCodeAt(i) !== COMMA) i++;
  return i;
}

function childrenAt(text: string, scan: Scanner, at: number): readonly Child[] {
  const code = text.charCodeAt(at);
  if (code !== OPEN_OBJECT && code !== OPEN_LIST) return [];
  const children: Child[] = [];
  for (let i = scan.next(at + 1); i < text.length; ) {
    const here = text.charCodeAt(i);
    if (here === CLOSE_OBJECT || here === CLOSE_LIST) break;
    if (code === OPEN_LIST) {
      children.push({ key: children.length, keyAt: i, valueAt: i });
      i = scan.next(scan.endOf(i));
      continue;
    }
    const end = scan.endOfString(i);
    const valueAt = scan.next(end);
    children.push({ key: scan.textAt(i, end), keyAt: i, valueAt });
    i = scan.next(scan.endOf(valueAt));
  }
  return children;
}

/**
 * A key that is one escaped character. V8 13.6 (Node 24) may take it for a backslash, so such a file is read as YAML:
 * `JSON.parse('{"a":0,"\\\\":1}')` and then `JSON.parse('{"a":0,"\\n":1}')` gives the key of the first.
 */
const ESCAPED_KEY = /"\\(?:u[0-9a-fA-F]{4}|[^u])"\s*:/;

/** Undefined: it is not JSON with an object at its top. */
export function parseJsonPolicy(
  text: string,
  place: (offset: number) => Place,
): PolicyDocument | { readonly problems: readonly Problem[] } | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // YAML, or nothing at all: whoever reads that says what is wrong with it.
    return undefined;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  if (ESCAPED_KEY.test(text)) return undefined;
  const scan = scanner(text);
  const problems = problemsOf(text, scan, place);
  if (problems.length > 0) return { problems };

  const known = new Map<number, ReadonlyMap<PropertyKey, Child>>();
  const childOf = (at: number, key: PropertyKey): Child | undefined => {
    const children =
      known.get(at) ?? new Map(childrenAt(text, scan, at).map((child) => [child.key, child] as const));
    known.set(at, children);
    return children.get(key);
  };
  const find = (path: readonly PropertyKey[]): { readonly keyAt: number; readonly valueAt: number } => {
    let here = { keyAt: scan.next(0), valueAt: scan.next(0) };
    for (const step of path) {
      const child = childOf(here.valueAt, step);
      if (child === undefined) break;
      here = child;
    }
    return here;
  };
  return {
    value,
    locate: (path, key) =>
      key === undefined ? place(find(path).valueAt) : place(find([...path, key]).keyAt),
    locateWithin(path, offset) {
      const { valueAt } = find(path);
      const end = text.charCodeAt(valueAt) === QUOTE ? scan.endOfString(valueAt) : valueAt;
      const plain = end > valueAt && !text.slice(valueAt, end).includes('\\');
      return place(plain ? valueAt + 1 + offset : valueAt);
    },
  };
}
