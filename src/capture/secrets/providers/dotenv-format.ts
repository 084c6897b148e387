/**
 * `.env` files: KEY=VALUE lines. A dollar sign is a dollar sign. Bytes go through as they are (the text here is latin1), so
 * that what is not UTF-8 comes back. A line that is not understood is an error with its number, never skipped: a secret
 * that silently was not read is worse.
 */
export interface DotenvEntry {
  readonly key: string;
  readonly value: Buffer;
  /** Where the entry stands in the text, its line break included. */
  readonly start: number;
  readonly end: number;
}

export interface DotenvProblem {
  readonly line: number;
  readonly what: string;
}

const BLANKS = /[ \t]*/y;
const KEY = /(?:export[ \t]+)?([^\s=#'"]+)[ \t]*=[ \t]*/y;
const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  r: '\r',
  t: '\t',
  '\\': '\\',
  '"': '"',
  "'": "'",
  $: '$',
};

/** Of one key the last entry is the one that counts; all are given. */
export function parseDotenv(
  bytes: Buffer,
): { readonly entries: readonly DotenvEntry[] } | { readonly problem: DotenvProblem } {
  const text = bytes.toString('latin1');
  const entries: DotenvEntry[] = [];
  // A byte order mark, in latin1.
  let at = text.startsWith('\u00ef\u00bb\u00bf') ? 3 : 0;
  let line = 1;
  const lineEnd = (from: number): number => {
    const end = text.indexOf('\n', from);
    return end === -1 ? text.length : end + 1;
  };
  while (at < text.length) {
    const start = at;
    BLANKS.lastIndex = at;
    BLANKS.exec(text);
    const first = BLANKS.lastIndex;
    const character = text[first];
    if (character === '\n' || character === '\r' || character === '#' || character === undefined) {
      at = lineEnd(first);
      line++;
      continue;
    }
    KEY.lastIndex = first;
    const key = KEY.exec(text)?.[1];
    if (key === undefined) return { problem: { line, what: 'is no KEY=VALUE' } };
    const read = readValue(text, KEY.lastIndex);
    if ('what' in read) return { problem: { line, what: read.what } };
    at = lineEnd(read.end);
    const rest = text.slice(read.end, at).trim();
    if (rest !== '' && !rest.startsWith('#')) return { problem: { line, what: 'goes on after its value' } };
    entries.push({
      key: Buffer.from(key, 'latin1').toString('utf8'),
      value: Buffer.from(read.value, 'latin1'),
      start,
      end: at,
    });
    for (let i = text.indexOf('\n', start); i !== -1 && i < at; i = text.indexOf('\n', i + 1)) line++;
  }
  return { entries };
}

type Read = { readonly value: string; readonly end: number } | { readonly what: string };

function readValue(text: string, from: number): Read {
  const quote = text[from];
  if (quote === "'" || quote === '`') {
    const end = text.indexOf(quote, from + 1);
    return end === -1
      ? { what: 'opens a quote that nothing closes' }
      : { value: text.slice(from + 1, end), end: end + 1 };
  }
  if (quote === '"') {
    let value = '';
    for (let at = from + 1; at < text.length; at++) {
      const character = text[at] ?? '';
      if (character === '"') return { value, end: at + 1 };
      if (character !== '\\') value += character;
      else {
        at++;
        const escaped = text[at] ?? '';
        value += ESCAPES[escaped] ?? `\\${escaped}`;
      }
    }
    return { what: 'opens a quote that nothing closes' };
  }
  const newline = text.indexOf('\n', from);
  const line = text.slice(from, newline === -1 ? text.length : newline);
  const comment = line.search(/(?:^|[ \t])#/);
  const value = (comment === -1 ? line : line.slice(0, comment)).trim();
  return { value, end: from + (comment === -1 ? line.trimEnd().length : comment) };
}

/** As it is where that reads back the same, else in double quotes. */
export function dotenvLine(key: string, value: Uint8Array): Buffer {
  const text = Buffer.from(value).toString('latin1');
  const plain = /^[A-Za-z0-9_./:@%+,=!?&*^~-]*$/.test(text);
  const written = plain
    ? text
    : `"${text.replace(/[\\"]/g, '\\$&').replaceAll('\n', '\\n').replaceAll('\r', '\\r')}"`;
  return Buffer.concat([Buffer.from(`${key}=`), Buffer.from(written, 'latin1'), Buffer.from('\n')]);
}
