/**
 * JSON.parse, with the names of members as they are written.
 *
 * V8 (nodejs/node#63785, Node 20 to 26) remembers the member names of objects it has parsed. A name with an escape, such
 * as "a\n", is then taken for a remembered "a\" when their first characters look alike in the source. Whoever writes one
 * entry could so change how the next one is read, and an entry that is canonical would seem to be not.
 *
 * So names that hold an escape are hidden from it: each is replaced by a plain one, and put back afterwards. Text without
 * such a name, which is nearly all text, is parsed as it is.
 */
import { LIMITS } from './limits.ts';

/** What is deeper is refused by whoever is handed it; here it must only not exhaust the stack. */
const MOST_DEPTH = 2 * LIMITS.jsonDepth;

/**
 * A string of JSON, and the colon that makes it a name. Outside of strings JSON has no quotes. One without an end goes to
 * the end of the text: were it no match, the search would begin again at each of its quotes, and hostile text would cost
 * the square of its length.
 */
const STRING = /"[^"\\]*(?:\\(?:[\s\S]|$)[^"\\]*)*(?:"(\s*:)?|$)/g;

/** Of a number, as it was written. */
export type Revive = (value: unknown, source: string | undefined) => unknown;

/**
 * Throws SyntaxError as JSON.parse does; also, where names have to be put back, for what is nested too deep to record.
 * `revive` is put to each value, the inner ones first; what it throws is thrown.
 */
export function parseJson(text: string, revive?: Revive): unknown {
  if (!text.includes('\\')) return parsePlain(text, revive);
  const mark = unusedMark(text);
  const names: string[] = [];
  const plain = text.replace(STRING, (token, colon: string | undefined) => {
    if (colon === undefined || !token.includes('\\')) return token;
    names.push(token.slice(0, token.length - colon.length));
    return `"${mark}${names.length - 1}"${colon}`;
  });
  if (names.length === 0) return parsePlain(text, revive);
  // A string that is no name is read rightly; a bad escape in one throws here.
  const originals = names.map((name): unknown => JSON.parse(name));
  const nameOf = (name: string): string =>
    name.startsWith(mark) ? String(originals[Number(name.slice(mark.length))]) : name;
  return restore(parsePlain(plain, revive), nameOf, 0);
}

function parsePlain(text: string, revive: Revive | undefined): unknown {
  if (revive === undefined) return JSON.parse(text);
  return JSON.parse(text, (_name, value: unknown, context?: { readonly source?: string }) =>
    revive(value, context?.source),
  );
}

/**
 * Whether an object of this text, which was parsed to `value`, has two members of one name. Parsers differ in which of
 * the two they take, so what one of them decides on is not what another one does.
 */
export function saysTwice(text: string, value: unknown): boolean {
  let names = 0;
  for (const [, colon] of text.matchAll(STRING)) if (colon !== undefined) names++;
  return names !== membersIn(value);
}

function membersIn(value: unknown): number {
  let members = 0;
  const left: unknown[] = [value];
  for (let at = left.pop(); at !== undefined; at = left.pop()) {
    if (typeof at !== 'object' || at === null) continue;
    const inside = Object.values(at);
    if (!Array.isArray(at)) members += inside.length;
    for (const one of inside) if (typeof one === 'object' && one !== null) left.push(one);
  }
  return members;
}

/** A text without it holds no whole number beyond 2^53, and none that is too large for a number. */
export const LONG_NUMBER = /\d{16}|\d[eE][+-]?\d/;

/** False for a number that is not what was written: a double has lost digits of it, and two amounts would look like one. */
export const isExact = (value: unknown): boolean =>
  typeof value !== 'number' ||
  (Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value)));

/** A beginning that no name of this text has. */
function unusedMark(text: string): string {
  let longest = 'name';
  for (const [run] of text.matchAll(/name_+/g)) if (run.length > longest.length) longest = run;
  return `${longest}_`;
}

/** Members keep their order, and of two with one name the later stands, as with JSON.parse. */
function restore(value: unknown, nameOf: (name: string) => string, depth: number): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (depth > MOST_DEPTH) throw new SyntaxError(`nested deeper than ${MOST_DEPTH} levels`);
  if (Array.isArray(value)) return value.map((item) => restore(item, nameOf, depth + 1));
  const object = {};
  for (const [name, member] of Object.entries(value)) {
    // Not by assignment: a member called __proto__ is a member.
    Object.defineProperty(object, nameOf(name), {
      value: restore(member, nameOf, depth + 1),
      configurable: true,
      enumerable: true,
      writable: true,
    });
  }
  return object;
}
