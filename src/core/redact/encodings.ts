/**
 * The forms in which a secret value may turn up in text: as it is, and as the usual encoders write it. A response that
 * echoes the credential in base64 leaks it as surely as one that echoes it plainly.
 *
 * Not covered, because there is no end to it: line-wrapped base64, mixed-case hex, compression, encryption, and any
 * encoding applied to an already encoded form except those named here.
 */
import { encodeUtf8 } from '../bytes.ts';

/** JSON.stringify without its quotes: how a value stands inside the JSON text of an entry. */
export function jsonEscape(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

/**
 * Every searched form of one value, without duplicates, the value itself first. Forms shorter than `minBytes` are left
 * out: they would match by chance.
 */
export function formsOf(value: string, minBytes: number): readonly string[] {
  const forms = new Set<string>([value]);
  const bytes = encodeUtf8(value);
  for (const form of jsonForms(value)) forms.add(form);
  for (const form of percentForms(value, bytes)) forms.add(form);
  for (const form of htmlForms(value)) forms.add(form);
  for (const form of hexForms(bytes)) forms.add(form);
  // A value with quotes or line breaks inside a JSON document stands there escaped, and that text gets encoded.
  for (const text of new Set([value, jsonEscape(value)])) {
    for (const form of base64Forms(encodeUtf8(text))) forms.add(form);
  }
  return [...forms].filter((form) => Buffer.byteLength(form) >= minBytes);
}

const hex = (unit: number, digits: number): string => unit.toString(16).padStart(digits, '0');
const upper = (text: string): string => text.toUpperCase();
const keep = (text: string): string => text;

/** Escaped for a JSON string: as ECMAScript, Python, PHP and Go write it, escaped twice, and every unit as \u00XX. */
function jsonForms(value: string): Set<string> {
  const forms = new Set<string>();
  const minimal = jsonEscape(value);
  const once = new Set([minimal]);
  for (const letters of [keep, upper]) {
    const unicode = (text: string): string =>
      text
        .split('')
        .map((unit) => `\\u${letters(hex(unit.charCodeAt(0), 4))}`)
        .join('');
    for (const pattern of [/[^\0-\x7f]/g, /[<>&'\u2028\u2029]/g, /[<>&'\u2028\u2029]|[^\0-\x7f]/g]) {
      once.add(minimal.replace(pattern, unicode));
    }
    forms.add(unicode(value));
  }
  for (const form of once) {
    forms.add(form);
    // PHP and some JavaScript encoders escape the slash too.
    forms.add(form.replaceAll('/', '\\/'));
  }
  forms.add(jsonEscape(minimal));
  return forms;
}

const UNRESERVED = /[A-Za-z0-9\-_.~]/;
/** What each common encoder leaves as it is: RFC 3986, encodeURIComponent, encodeURI, and forms. */
const PLAIN_IN_URL = [
  UNRESERVED,
  /[A-Za-z0-9\-_.~!'()*]/,
  /[A-Za-z0-9\-_.~!'()*;/?:@&=+$,#]/,
  /[A-Za-z0-9\-_.*]/,
];

function percentForms(value: string, bytes: Uint8Array): Set<string> {
  const forms = new Set<string>();
  for (const letters of [keep, upper]) {
    const encoded = (byte: number): string => `%${letters(hex(byte, 2))}`;
    forms.add(Array.from(bytes, encoded).join(''));
    for (const plain of PLAIN_IN_URL) {
      const text = Array.from(bytes, (byte) => {
        const char = String.fromCharCode(byte);
        return plain.test(char) ? char : encoded(byte);
      }).join('');
      forms.add(text);
      if (value.includes(' ')) forms.add(text.replaceAll('%20', '+'));
    }
  }
  return forms;
}

function htmlForms(value: string): Set<string> {
  const forms = new Set<string>();
  const basic = value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  forms.add(basic);
  for (const double of ['&quot;', '&#34;']) {
    for (const single of ["'", '&#39;', '&#039;', '&#x27;', '&apos;']) {
      forms.add(basic.replaceAll('"', double).replaceAll("'", single));
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
