/**
 * The exact values that must never be stored or sent, each under the name that replaces it. The tables for the search
 * are built when they are first needed after a change: loading a vault of 500 values builds them once.
 */
import { encodeUtf8 } from '../bytes.ts';
import { TallyError } from '../error.ts';
import { LIMITS } from '../limits.ts';
import { formsOf, wireFormsOf } from './encodings.ts';
import { jsonEscape } from './json-forms.ts';
import { createMatcher, type Matcher, type Pattern, viewOf } from './matcher.ts';
import { markerOf } from './rules.ts';

export interface Secrets {
  /** False: shorter than `LIMITS.secretMinBytes`, so it is not searched for: it would match by chance. */
  set(name: string, value: string): boolean;
  delete(name: string): void;
  /** Finds every form of every value in text as it is. */
  plain(): Matcher;
  /** Finds everything that `plain` would find, in the JSON text of the same strings. */
  inJson(): Matcher;
}

/** What a value is called when its own name would give it away. */
const ANONYMOUS = 'secret';

export function createSecrets(): Secrets {
  const forms = new Map<string, readonly string[]>();
  let plain: Matcher | undefined;
  let inJson: Matcher | undefined;

  function patterns(): readonly (readonly [form: string, name: string])[] {
    // A value that is part of every marker cannot be hidden by one.
    const all = [...forms].flatMap(([name, list]) =>
      list.filter((form) => !markerOf(ANONYMOUS).includes(form)).map((form) => [form, name] as const),
    );
    const values = createMatcher(all.map(([form, name]) => ({ bytes: encodeUtf8(form), name })));
    const shown = new Map<string, string>();
    for (const name of forms.keys()) {
      const marker = encodeUtf8(markerOf(name));
      const leaks = values.find(viewOf(marker), 0, marker.length, marker.length) !== undefined;
      shown.set(name, leaks ? ANONYMOUS : name);
    }
    return all.map(([form, name]) => [form, shown.get(name) ?? ANONYMOUS] as const);
  }

  const compile = (pick: (form: string) => readonly string[]): Matcher =>
    createMatcher(
      patterns().flatMap(([form, name]) =>
        pick(form).map((text): Pattern => ({ bytes: encodeUtf8(text), name })),
      ),
    );

  return {
    set(name, value) {
      if (Buffer.byteLength(value) > LIMITS.secretMaxBytes) {
        throw new TallyError('USAGE', `the value of ${name} is larger than ${LIMITS.secretMaxBytes} bytes`, {
          hint: 'a value that cannot be searched for cannot be kept out of the log; store it as a file instead',
        });
      }
      plain = undefined;
      inJson = undefined;
      const found = new Set(allForms(value));
      if (found.size === 0) forms.delete(name);
      else forms.set(name, [...found]);
      return found.size > 0;
    },
    delete(name) {
      plain = undefined;
      inJson = undefined;
      forms.delete(name);
    },
    plain: () => (plain ??= compile((form) => [form])),
    inJson: () => (inJson ??= compile((form) => [form, jsonEscape(form)])),
  };
}

/**
 * What of a value gives access: all of it without the blanks around it (a line break comes with many a file), and the
 * password of "user:password" or of a URL with one. Each of them also as it goes over the wire: a server that encodes
 * what it was sent encodes that text, not the value, and hex of the base64 of Basic holds no hex of the password.
 */
function allForms(value: string): readonly string[] {
  const whole = value.trim();
  const url = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/[^\s:@/?#]*:([^\s@]*)@/.exec(whole);
  // RFC 7617: the user name has no colon; "@" and "/" are common in it, and either part may hold spaces.
  const pair = /^[^:\r\n]{1,256}:(?!\/\/)(.+)$/s.exec(whole);
  const password = url?.[1] ?? pair?.[1]?.trim();
  const parts = (password === undefined ? [whole] : [whole, password]).filter(isLongEnough);
  return [
    ...parts.flatMap((part) => formsOf(part, LIMITS.secretMinBytes)),
    ...parts.flatMap(wireTexts).flatMap((text) => wireFormsOf(text, LIMITS.secretMinBytes)),
    ...(isLongEnough(whole) ? [...basicTexts(value, whole)] : []).flatMap((text) =>
      formsOf(text, LIMITS.secretMinBytes),
    ),
  ];
}

const isLongEnough = (part: string): boolean => Buffer.byteLength(part) >= LIMITS.secretMinBytes;

/** How a value stands in a query or form, and in a JSON body, where that is not the value itself. */
function wireTexts(value: string): readonly string[] {
  return [encodeURIComponent(value.toWellFormed()), jsonEscape(value)].filter((text) => text !== value);
}

/** RFC 7617: base64 of "user:password", to the byte as it is stored. Its padding gives nothing away. */
function basicTexts(...values: readonly string[]): ReadonlySet<string> {
  const pairs = values.filter((value) => value.includes(':'));
  return new Set(pairs.map((value) => Buffer.from(value).toString('base64').replace(/=+$/, '')));
}
