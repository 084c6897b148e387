/**
 * The forms in which a secret value may turn up in text: as it is, and as the usual encoders write it. A response that
 * echoes the credential in base64 leaks it as surely as one that echoes it plainly.
 *
 * Not covered, because there is no end to it: line-wrapped base64, mixed-case hex, compression, encryption, and any
 * encoding applied to an already encoded form except those named here.
 */
import { encodeUtf8 } from '../bytes.ts';
import { isLetterOrDigit } from './anchors.ts';

/** JSON.stringify without its quotes: how a value stands inside the JSON text of an entry. */
export function jsonEscape(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

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
  ]);
  // Any of them may be a string of a JSON document that is itself the text we see.
  for (const form of [...forms]) forms.add(jsonEscape(form));
  forms.add(jsonEscape(jsonEscape(jsonEscape(value))));
  return [...forms].filter((form) => Buffer.byteLength(form) >= minBytes);
}

const hex = (unit: number, digits: number): string => unit.toString(16).padStart(digits, '0');
const upper = (text: string): string => text.toUpperCase();
const keep = (text: string): string => text;

/**
 * Characters that JSON encoders escape although JSON does not ask for it: ECMAScript and Python none; Go; PHP and older
 * .NET; PHP with JSON_HEX_QUOT; .NET. Each with or without everything beyond ASCII, and with or without the slash.
 */
const ESCAPED_IN_JSON = ['', '<>&\u2028\u2029', "<>&'", '<>&\'"', '<>&\'"+`'];

/** Escaped for a JSON string as the usual encoders do it, and with every unit as \u00XX. */
function jsonForms(value: string): Set<string> {
  const forms = new Set<string>();
  const ascii = /[^\0-\x7f]/.test(value) ? [false, true] : [false];
  // Most values hold none of these characters, and one pass does for all encoders.
  const extras = ESCAPED_IN_JSON.filter(
    (extra, i) => i === 0 || [...extra].some((char) => value.includes(char)),
  );
  for (const letters of [keep, upper]) {
    const unit = (char: string): string => `\\u${letters(hex(char.charCodeAt(0), 4))}`;
    forms.add(value.split('').map(unit).join(''));
    for (const extra of extras) {
      for (const all of ascii) {
        const escaped = value
          .split('')
          .map((char) => (extra.includes(char) || (all && char > '\x7f') ? unit(char) : jsonEscapeUnit(char)))
          .join('');
        forms.add(escaped);
        forms.add(escaped.replaceAll('/', '\\/'));
      }
    }
  }
  return forms;
}

/** Unit by unit a surrogate stands alone, and JSON.stringify would escape it. */
function jsonEscapeUnit(char: string): string {
  return char < ' ' || char === '"' || char === '\\' ? jsonEscape(char) : char;
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

function htmlForms(value: string): Set<string> {
  const forms = new Set<string>();
  for (const greater of ['&gt;', '>']) {
    const basic = value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', greater);
    for (const double of ['"', '&quot;', '&#34;', '&#x22;']) {
      for (const single of ["'", '&#39;', '&#039;', '&#x27;', '&apos;']) {
        forms.add(basic.replaceAll('"', double).replaceAll("'", single));
      }
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
    const url = text.replaceAll('+', '-').replaceAll('/', '_');
    forms.add(text);
    forms.add(url);
    forms.add(text.replaceAll('/', '\\/'));
    for (const letters of [keep, upper]) {
      const percent = (char: string): string => `%${letters(hex(char.charCodeAt(0), 2))}`;
      forms.add(text.replace(/[+/=]/g, percent));
      forms.add(url.replace(/=/g, percent));
    }
  };
  for (let lead = 0; lead < 3; lead++) {
    const shifted = Buffer.alloc(lead + bytes.length);
    shifted.set(bytes, lead);
    const text = shifted.toString('base64').replace(/=+$/, '');
    const first = Math.ceil((lead * 8) / BITS_PER_CHAR);
    const end = Math.floor(((lead + bytes.length) * 8) / BITS_PER_CHAR);
    add(text.slice(first, end));
  }
  const whole = Buffer.from(bytes).toString('base64');
  add(whole);
  add(whole.replace(/=+$/, ''));
  return forms;
}
