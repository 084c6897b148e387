/** A value as it stands in JSON text, and in the string literals of languages that write them alike. */
import { hex, keep, spellings, upper } from './choices.ts';

/** JSON.stringify without its quotes: how a value stands inside the JSON text of an entry. */
export function jsonEscape(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

/**
 * Characters that JSON encoders escape although JSON does not ask for it: ECMAScript and Python none; Go; PHP and older
 * .NET; PHP with JSON_HEX_QUOT; .NET. Each with or without everything beyond ASCII, and with or without the slash.
 */
const ESCAPED_IN_JSON = ['', '<>&\u2028\u2029', "<>&'", '<>&\'"', '<>&\'"+`', '<>&\'"+`='];
/** Others choose their own subset of these; any subset is looked for as far as MOST_WAYS goes. */
const SOMETIMES = '&=+<>\'"/`';

/** Escaped for a JSON string as the usual encoders do it, and with every unit, or all but letters and digits, as \u00XX. */
export function jsonForms(value: string): Set<string> {
  const forms = new Set<string>([pythonRepr(value)]);
  const ascii = /[^\0-\x7f]/.test(value) ? [false, true] : [false];
  // Most values hold none of these characters, and one pass does for all encoders.
  const extras = ESCAPED_IN_JSON.filter(
    (extra, i) => i === 0 || [...extra].some((char) => value.includes(char)),
  );
  const units = value.split('');
  for (const letters of [keep, upper]) {
    const unit = (char: string): string => `\\u${letters(hex(char.charCodeAt(0), 4))}`;
    forms.add(units.map(unit).join(''));
    forms.add(units.map((char) => (/[A-Za-z0-9]/.test(char) ? char : unit(char))).join(''));
    const ways = spellings(value, optionsWith(unit));
    for (const all of ascii) {
      const write = (char: string): string => (all && char > '\x7f' ? unit(char) : jsonEscapeUnit(char));
      for (const way of ways) forms.add(units.map((char) => way.get(char) ?? write(char)).join(''));
      for (const extra of extras) {
        const escaped = units.map((char) => (extra.includes(char) ? unit(char) : write(char))).join('');
        forms.add(escaped);
        forms.add(escaped.replaceAll('/', '\\/'));
      }
    }
  }
  return forms;
}

function optionsWith(unit: (char: string) => string): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(
    [...SOMETIMES].map((char) => [
      char,
      [jsonEscapeUnit(char), unit(char), ...(char === '/' ? ['\\/'] : [])],
    ]),
  );
}

/** Unit by unit a surrogate stands alone, and JSON.stringify would escape it. */
function jsonEscapeUnit(char: string): string {
  return char < ' ' || char === '"' || char === '\\' ? jsonEscape(char) : char;
}

/** Single quotes around it, as Python and many a template write a string. */
function pythonRepr(value: string): string {
  return jsonEscape(value).replaceAll('\\"', '"').replaceAll("'", "\\'");
}
