/**
 * The forms in which a secret value may turn up in text: as it is, and as the usual encoders write it. A response that
 * echoes the credential in base64 leaks it as surely as one that echoes it plainly.
 *
 * Covered: hex, base64 (once and twice), percent and form encoding, JSON in all its escapes (json-forms.ts), HTML
 * entities (html-forms.ts), and UTF-16 of ASCII values in raw bytes; the
 * last, base64 twice and unusual subsets of escaped characters for values of at most LONG_CHARS only.
 *
 * Not covered, because there is no end to it: line-wrapped base64, mixed-case hex, hex with separators, escapes of some
 * letters and digits but not of others, entities with leading zeros (but &#039;) or without their semicolon, \\xNN and
 * octal escapes, base32, base64 of UTF-16 or of bytes turned round, values cut in pieces, compression, encryption, and
 * any encoding applied to an already encoded form except those named here. Whoever controls the upstream can always get
 * the value out; this is for those that echo.
 */
import { encodeUtf8 } from '../bytes.ts';
import { isLetterOrDigit } from './anchors.ts';
import { hex, keep, LONG_CHARS, upper } from './choices.ts';
import { htmlForms } from './html-forms.ts';
import { jsonEscape, jsonForms } from './json-forms.ts';

/**
 * Every searched form of one value, without duplicates, the value itself first. Forms shorter than `minBytes` are left
 * out: they would match by chance.
 */
export function formsOf(value: string, minBytes: number): readonly string[] {
  const bytes = encodeUtf8(value);
  const forms = new Set([
    ...[value, ...jsonForms(value), ...percentForms(value, bytes), ...htmlForms(value), ...hexForms(bytes)],
    ...base64Forms(bytes),
    // A value with quotes or line breaks inside a JSON document stands there escaped, and that text gets encoded.
    ...base64Forms(encodeUtf8(jsonEscape(value))),
    ...(value.length > LONG_CHARS ? [] : [...base64TwiceForms(bytes), ...utf16Forms(value)]),
  ]);
  // Any of them may be a string of a JSON document that is itself the text we see.
  for (const form of [...forms]) forms.add(jsonEscape(form));
  forms.add(jsonEscape(jsonEscape(jsonEscape(value))));
  return [...forms].filter((form) => Buffer.byteLength(form) >= minBytes);
}

/**
 * The forms of a text in which a value went out, such as the value percent-encoded: as it is, and in the encodings that
 * say nothing of what they hold. Those that escape single characters were applied to the value already.
 */
export function wireFormsOf(text: string, minBytes: number): readonly string[] {
  const bytes = encodeUtf8(text);
  return [...new Set([text, ...hexForms(bytes), ...base64Forms(bytes)])].filter(
    (form) => Buffer.byteLength(form) >= minBytes,
  );
}

/**
 * What encoders for URLs leave as it is, besides ASCII letters and digits: RFC 3986; Python's quote; encodeURIComponent,
 * and the same behind a URL parser; encodeURI, likewise; forms of WHATWG and Java, and of PHP; Go's path segments; and
 * the query, path and user-info sets of WHATWG.
 */
const PLAIN_IN_URL = [
  '-_.~',
  '-_.~/',
  "-_.~!'()*",
  '-_.~!()*',
  "-_.~!'()*;/?:@&=+$,#",
  '-_.~!()*;/?:@&=+$,#',
  '-_.*',
  '-_.',
  '-_.~$&+=:@',
  '-_.~!()*;/?:@&=+$,%[]\\^`{|}',
  "-_.~!'()*;/:@&=+$,%[]\\|",
  "-_.~!'()*&+$,%",
];

function percentForms(value: string, bytes: Uint8Array): Set<string> {
  const forms = new Set<string>();
  for (const letters of [keep, upper]) {
    const encoded = (byte: number): string => `%${letters(hex(byte, 2))}`;
    forms.add(Array.from(bytes, encoded).join(''));
    if (/^[A-Za-z0-9]*$/.test(value)) continue;
    for (const plain of PLAIN_IN_URL) {
      let text = '';
      for (const byte of bytes) {
        const char = String.fromCharCode(byte);
        text += isLetterOrDigit(byte) || plain.includes(char) ? char : encoded(byte);
      }
      forms.add(text);
      if (value.includes(' ')) forms.add(text.replaceAll('%20', '+'));
    }
  }
  return forms;
}

function hexForms(bytes: Uint8Array): readonly string[] {
  const lower = Buffer.from(bytes).toString('hex');
  return [lower, upper(lower)];
}

const BITS_PER_CHAR = 6;

/**
 * Base64 of any text that holds the bytes: they may start at the first, second or third byte of a group of three. At
 * each edge a character may mix bits of the neighbours; those are left out, so what is searched for stands there
 * whatever surrounds it. The whole value alone is added with and without its padding.
 */
function base64Forms(bytes: Uint8Array): Set<string> {
  const forms = new Set<string>();
  const add = (text: string): void => {
    const url = toUrlAlphabet(text);
    forms.add(text);
    forms.add(url);
    forms.add(text.replaceAll('/', '\\/'));
    for (const letters of [keep, upper]) {
      const percent = (char: string): string => `%${letters(hex(char.charCodeAt(0), 2))}`;
      forms.add(text.replace(/[+/=]/g, percent));
      forms.add(url.replace(/=/g, percent));
    }
  };
  for (const core of base64Cores(bytes)) add(core);
  const whole = Buffer.from(bytes).toString('base64');
  add(whole);
  add(whole.replace(/=+$/, ''));
  return forms;
}

/** What of the base64 of any text around the bytes only the bytes decide, for each of the three places they may start. */
function base64Cores(bytes: Uint8Array): readonly string[] {
  return [0, 1, 2].map((lead) => {
    const shifted = Buffer.alloc(lead + bytes.length);
    shifted.set(bytes, lead);
    const text = shifted.toString('base64').replace(/=+$/, '');
    const first = Math.ceil((lead * 8) / BITS_PER_CHAR);
    const end = Math.floor(((lead + bytes.length) * 8) / BITS_PER_CHAR);
    return text.slice(first, end);
  });
}

const toUrlAlphabet = (text: string): string => text.replaceAll('+', '-').replaceAll('/', '_');

/** A value in a document that went through two encoders, as in the data of many a cloud API. */
function base64TwiceForms(bytes: Uint8Array): Set<string> {
  const whole = Buffer.from(bytes).toString('base64');
  const inner = [...base64Cores(bytes), whole];
  const forms = new Set<string>();
  for (const text of new Set([...inner, ...inner.map(toUrlAlphabet)]))
    for (const core of base64Cores(encodeUtf8(text))) forms.add(core).add(toUrlAlphabet(core));
  return forms;
}

/** The zero bytes between the characters are there in either byte order. */
function utf16Forms(value: string): readonly string[] {
  return Buffer.byteLength(value) === value.length ? [value.split('').join('\0')] : [];
}
