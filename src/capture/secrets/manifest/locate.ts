/**
 * Where in the text of a TOML document something is said. The parser answers with values only; a person wants the line.
 * Found by reading table headers and keys line by line, so inside of strings over several lines it may be off: good
 * enough to look at, never used to decide anything.
 */
export interface Place {
  readonly line: number;
  readonly column: number;
}

const KEY = /[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*'/y;

/** `a."b.c".'d'` → its parts and where it ends; undefined when no key begins there. */
function dotted(line: string, from: number): { parts: readonly string[]; end: number } | undefined {
  const parts: string[] = [];
  let at = from;
  for (;;) {
    while (line[at] === ' ' || line[at] === '\t') at++;
    KEY.lastIndex = at;
    const [part] = KEY.exec(line) ?? [];
    if (part === undefined) return undefined;
    parts.push(/^["']/.test(part) ? part.slice(1, -1) : part);
    at += part.length;
    while (line[at] === ' ' || line[at] === '\t') at++;
    if (line[at] !== '.') return { parts, end: at };
    at++;
  }
}

const startsWith = (path: readonly string[], start: readonly string[]): boolean =>
  start.length <= path.length && start.every((part, i) => path[i] === part);

/** The place of the longest part of `path` that the text says; its beginning when it says none of it. */
export function locate(text: string, path: readonly string[]): Place {
  let best: Place = { line: 1, column: 1 };
  let depth = 0;
  let table: readonly string[] = [];
  const lines = text.split('\n');
  lines.forEach((content, i) => {
    const indent = content.search(/\S/);
    if (indent === -1 || content[indent] === '#') return;
    const header = content[indent] === '[';
    const start = header ? content.slice(indent).search(/[^[]/) + indent : indent;
    const key = dotted(content, start);
    if (key === undefined) return;
    if (header) table = key.parts;
    else if (content[key.end] !== '=') return;
    const said = header ? table : [...table, ...key.parts];
    if (!startsWith(path, said) || said.length <= depth) return;
    depth = said.length;
    best = inline(lines, i, start, path.slice(said.length));
  });
  return best;
}

/** A member of an inline table, on the same line or on the few after it. */
function inline(lines: readonly string[], at: number, column: number, rest: readonly string[]): Place {
  const [name] = rest;
  if (name === undefined) return { line: at + 1, column: column + 1 };
  for (let i = at; i < Math.min(at + 20, lines.length); i++) {
    const content = lines[i] ?? '';
    if (i > at && content.trimStart().startsWith('[')) break;
    for (let from = i === at ? content.indexOf('=', column) + 1 : 0; ; ) {
      const found = content.indexOf(name, from);
      if (found === -1) break;
      if (/^["']?\s*=/.test(content.slice(found + name.length)) && !/[\w-]/.test(content[found - 1] ?? ''))
        return { line: i + 1, column: found + 1 };
      from = found + name.length;
    }
  }
  return { line: at + 1, column: column + 1 };
}
