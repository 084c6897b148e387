/**
 * JSON as editors have it: with comments and commas too many, and where each value stands in the text. Files of other
 * programs are changed in place by it, so that all else in them stays as somebody wrote it.
 */

export type Node = { readonly from: number; readonly to: number } & (
  | { readonly kind: 'object'; readonly members: readonly Member[] }
  | { readonly kind: 'array'; readonly items: readonly Node[] }
  | { readonly kind: 'string'; readonly value: string }
  /** A number, true, false or null. */
  | { readonly kind: 'other' }
);

export interface Member {
  readonly name: string;
  readonly value: Node;
}

export class JsoncError extends Error {
  readonly at: number;

  constructor(what: string, at: number) {
    super(what);
    this.at = at;
  }
}

const MOST_DEPTH = 100;
const LITERAL = /(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)(?![\w.])/y;
const STRING = /"[^"\\\n]*(?:\\.[^"\\\n]*)*"/y;
const SPACE = /(?:[ \t\r\n]+|\/\/[^\n]*|\/\*[\s\S]*?\*\/)*/y;

/** Throws JsoncError. Costs one pass over the text. */
export function parseJsonc(text: string): Node {
  let at = text.startsWith('\ufeff') ? 1 : 0;

  function skip(): void {
    SPACE.lastIndex = at;
    SPACE.exec(text);
    at = Math.max(at, SPACE.lastIndex);
  }

  function fail(what: string): never {
    throw new JsoncError(at >= text.length ? 'it ends too early' : what, at);
  }

  function string(): string {
    STRING.lastIndex = at;
    const found = STRING.exec(text)?.[0];
    if (found === undefined) return fail('a text in double quotes is expected');
    let plain: string;
    try {
      plain = JSON.parse(found) as string;
    } catch {
      return fail('it is no text of JSON');
    }
    at += found.length;
    return plain;
  }

  function value(depth: number): Node {
    if (depth > MOST_DEPTH) fail('it is nested too deep');
    const from = at;
    const first = text[at];
    if (first === '{') {
      const members = list('}', () => member(depth));
      return { kind: 'object', from, to: at, members };
    }
    if (first === '[') {
      const items = list(']', () => value(depth + 1));
      return { kind: 'array', from, to: at, items };
    }
    if (first === '"') {
      const plain = string();
      return { kind: 'string', from, to: at, value: plain };
    }
    LITERAL.lastIndex = at;
    const found = LITERAL.exec(text)?.[0];
    if (found === undefined) return fail('a value is expected');
    at += found.length;
    return { kind: 'other', from, to: at };
  }

  function member(depth: number): Member {
    const name = string();
    skip();
    if (text[at] !== ':') fail('":" is expected');
    at++;
    skip();
    return { name, value: value(depth + 1) };
  }

  function list<T>(end: string, one: () => T): T[] {
    const found: T[] = [];
    at++;
    for (;;) {
      skip();
      if (text[at] === end) break;
      found.push(one());
      skip();
      if (text[at] === ',') at++;
      else if (text[at] !== end) fail(`"," or "${end}" is expected`);
    }
    at++;
    return found;
  }

  skip();
  const found = value(0);
  skip();
  if (at < text.length) fail('nothing more is expected');
  return found;
}

/** The member that counts; of two with one name none does. */
export function memberOf(node: Node | undefined, name: string): Node | undefined {
  if (node?.kind !== 'object') return undefined;
  const found = node.members.filter((member) => member.name === name);
  return found.length === 1 ? found[0]?.value : undefined;
}

export function lineOf(text: string, at: number): { readonly line: number; readonly column: number } {
  const before = text.slice(0, at).split('\n');
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
}
