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

/** Throws SyntaxError as JSON.parse does; also, where names have to be put back, for what is nested too deep to record. */
export function parseJson(text: string): unknown {
  if (!text.includes('\\')) return JSON.parse(text);
  const mark = unusedMark(text);
  const names: string[] = [];
  const plain = text.replace(STRING, (token, colon: string | undefined) => {
    if (colon === undefined || !token.includes('\\')) return token;
    names.push(token.slice(0, token.length - colon.length));
    return `"${mark}${names.length - 1}"${colon}`;
  });
  if (names.length === 0) return JSON.parse(text);
  // A string that is no name is read rightly; a bad escape in one throws here.
  const originals = names.map((name): unknown => JSON.parse(name));
  const nameOf = (name: string): string =>
    name.startsWith(mark) ? String(originals[Number(name.slice(mark.length))]) : name;
  return restore(JSON.parse(plain), nameOf, 0);
}

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
