/**
 * Placeholders: what a program of a run holds in place of a credential. The text names the credential and is good for
 * its own run only: whoever reads one in a log, a page or another run cannot have the credential put anywhere with it.
 *
 *     tally-ref:NAME:<16 hex digits>      the first 8 bytes of HMAC-SHA-256(run token, NAME)
 *
 * Everything here is pure and takes time in proportion to the text, whatever the text is.
 */
import { encodeUtf8 } from '../../core/bytes.ts';
import { equalSecret, hmacSha256, type Mac } from '../../core/hash.ts';
import { LIMITS } from '../../core/limits.ts';

export const PLACEHOLDER_PREFIX = 'tally-ref:';
const NONCE_CHARS = 16;

/** What a credential may be called where it is named in a header or a placeholder. */
export const REF = /^[A-Za-z0-9_][A-Za-z0-9_.:/@-]*$/;

/** The text that stands for the credential `name` in the programs of one run. It is no secret outside of that run. */
export function placeholderFor(runToken: string, name: string): string {
  return `${PLACEHOLDER_PREFIX}${name}:${hmacSha256(encodeUtf8(runToken))(name).slice(0, NONCE_CHARS)}`;
}

/** How the text around a placeholder writes its characters, and so how a value has to be written there. */
export type Writing = 'plain' | 'percent' | 'json';

/** A placeholder where it stands; whether it is good is not looked at. */
export interface Found {
  readonly ref: string;
  readonly nonce: string;
  /** Of the text as it was written: `start` inclusive, `end` exclusive. */
  readonly start: number;
  readonly end: number;
  /** Some of its characters were written as escapes. */
  readonly escaped: boolean;
}

/**
 * Whether placeholders are of the run that has this token. `runToken`: as the caller presented it; undefined: none. Each name
 * costs one MAC, however often it comes.
 */
export function checkFor(runToken: string | undefined): (found: Pick<Found, 'ref' | 'nonce'>) => boolean {
  if (runToken === undefined) return () => false;
  const nonces = new Map<string, string>();
  let mac: Mac | undefined;
  return ({ ref, nonce }) => {
    mac ??= hmacSha256(encodeUtf8(runToken));
    const expected = nonces.get(ref) ?? mac(ref).slice(0, NONCE_CHARS);
    nonces.set(ref, expected);
    return equalSecret(nonce, expected);
  };
}

/** Each character of the prefix as it may be written. */
function startOf(escaped: (hex: string) => string): RegExp {
  const each = [...PLACEHOLDER_PREFIX].map((char) => {
    const hex = char.charCodeAt(0).toString(16);
    const anyCase = hex.replace(/[a-f]/g, (digit) => `[${digit}${digit.toUpperCase()}]`);
    return `(?:${char}|${escaped(anyCase)})`;
  });
  return new RegExp(each.join(''), 'g');
}

const START: { readonly [W in Writing]: RegExp } = {
  plain: new RegExp(PLACEHOLDER_PREFIX, 'g'),
  percent: startOf((hex) => `%${hex}`),
  json: startOf((hex) => `\\\\u00${hex}`),
};
const ESCAPE: { readonly [W in Writing]: RegExp | undefined } = {
  plain: undefined,
  percent: /%([0-9a-fA-F]{2})/y,
  json: /\\(?:u00([0-9a-fA-F]{2})|\/)/y,
};

/** Without it no character is escaped that the prefix could begin with or hold. */
const ESCAPE_MARK: { readonly [W in Writing]: string | undefined } = {
  plain: undefined,
  percent: '%',
  json: '\\u00',
};

/** The shortest name wins: what follows a nonce is the text that the placeholder was put into. */
const WHOLE = /^tally-ref:([A-Za-z0-9_][A-Za-z0-9_.:/@-]*?):([0-9a-f]{16})/;
/** The longest placeholder, with none of its characters escaped. */
export const PLACEHOLDER_CHARS = PLACEHOLDER_PREFIX.length + LIMITS.idChars + 1 + NONCE_CHARS;
const NAME_CHAR = /[A-Za-z0-9_.:/@-]/;

/** What is written from `start` on, as far as it can be a placeholder, and where each of its characters ends. */
function readFrom(
  text: string,
  start: number,
  limit: number,
  asEscape: RegExp | undefined,
): { readonly read: string; readonly ends: readonly number[] } {
  let read = '';
  const ends: number[] = [];
  for (let at = start; at < limit && ends.length < PLACEHOLDER_CHARS; ) {
    let char = text.charAt(at);
    let end = at + 1;
    if (asEscape !== undefined && (char === '%' || char === '\\')) {
      asEscape.lastIndex = at;
      const match = asEscape.exec(text);
      if (match === null) break;
      char = match[1] === undefined ? '/' : String.fromCharCode(Number.parseInt(match[1], 16));
      end = asEscape.lastIndex;
    }
    if (!NAME_CHAR.test(char)) break;
    read += char;
    ends.push(end);
    at = end;
  }
  return { read, ends };
}

/** An odd number of backslashes before it makes something else of its first character: "\tally…" begins with a tab. */
function isEscapedAt(text: string, start: number): boolean {
  let before = start;
  while (before > 0 && text.charAt(before - 1) === '\\') before--;
  return (start - before) % 2 === 1;
}

/**
 * Every placeholder of a text, from left to right; they never overlap. A name does not hold the prefix, so that each
 * character is read once however often the prefix is written.
 */
export function placeholdersIn(text: string, writing: Writing): Iterable<Found> {
  // Most texts hold none, and are left at the cost of looking for two characters.
  const mark = ESCAPE_MARK[writing];
  const may = text.includes(PLACEHOLDER_PREFIX) || (mark !== undefined && text.includes(mark));
  return may ? search(text, writing) : [];
}

function* search(text: string, writing: Writing): Generator<Found> {
  const begin = new RegExp(START[writing]);
  let match = begin.exec(text);
  while (match !== null) {
    const start = match.index;
    match = begin.exec(text);
    if (writing === 'json' && isEscapedAt(text, start)) continue;
    const { read, ends } = readFrom(text, start, match?.index ?? text.length, ESCAPE[writing]);
    const [whole, ref, nonce] = WHOLE.exec(read) ?? [];
    if (whole === undefined || ref === undefined || nonce === undefined) continue;
    const end = ends[whole.length - 1] ?? start;
    yield { ref, nonce, start, end, escaped: end - start !== whole.length };
  }
}
