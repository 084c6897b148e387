/** A value as it stands in HTML and XML text: named entities, and decimal and hexadecimal ones in either case. */
import { hex, keep, spellings, upper } from './choices.ts';

/** Spelled by every encoder, each in its own way. */
const NAMED: Readonly<Record<string, readonly string[]>> = {
  '&': ['&amp;'],
  '<': ['&lt;'],
  '>': ['&gt;', '>'],
  '"': ['"', '&quot;', '&#34;', '&#x22;'],
  "'": ["'", '&#39;', '&#039;', '&#x27;', '&apos;'],
};
const SOMETIMES = '/+=`';

export function htmlForms(value: string): Set<string> {
  const forms = new Set<string>();
  const chars = [...value];
  const named = spellings(value, NAMED);
  const beyond = /[^\0-\x7f]/.test(value) ? [false, true] : [false];
  const decimal = (char: string): string => `&#${char.codePointAt(0)};`;
  const hexadecimal = (letters: (text: string) => string) => (char: string) =>
    `&#x${letters(hex(char.codePointAt(0) ?? 0, 1))};`;
  for (const entity of [decimal, hexadecimal(keep), hexadecimal(upper)]) {
    forms.add(chars.map(entity).join(''));
    forms.add(chars.map((char) => (/[A-Za-z0-9]/.test(char) ? char : entity(char))).join(''));
    const numbered = new Map(Object.keys(NAMED).map((char) => [char, entity(char)]));
    const others = spellings(
      value,
      Object.fromEntries([...SOMETIMES].map((char) => [char, [char, entity(char)]])),
    );
    for (const basic of [...named, numbered])
      for (const other of others)
        for (const all of beyond)
          forms.add(
            chars
              .map(
                (char) => basic.get(char) ?? other.get(char) ?? (all && char > '\x7f' ? entity(char) : char),
              )
              .join(''),
          );
  }
  return forms;
}
