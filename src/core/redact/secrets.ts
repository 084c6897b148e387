/**
 * The exact values that must never be stored or sent, each under the name that replaces it. The tables for the search
 * are built when they are first needed after a change: loading a vault of 500 values builds them once.
 */
import { encodeUtf8 } from '../bytes.ts';
import { TallyError } from '../error.ts';
import { LIMITS } from '../limits.ts';
import { formsOf, wireFormsOf } from './encodings.ts';
import { jsonEscape } from './json-forms.ts';
import { createMatcher, type Matcher, type Pattern } from './matcher.ts';
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

/** Texts that are searched with tables that are soon made. */
const FEW_TEXTS = 64;

/** What a value is called when its own name would give it away. */
const ANONYMOUS = 'secret';

export function createSecrets(): Secrets {
  const forms = new Map<string, readonly string[]>();
  let plain: Matcher | undefined;
  let inJson: Matcher | undefined;
  /** Texts since the last change. */
  let searched = 0;

  function patterns(): readonly (readonly [form: string, name: string])[] {
    // A value that is part of every marker cannot be hidden by one.
    const all = [...forms].flatMap(([name, list]) =>
      list.filter((form) => !markerOf(ANONYMOUS).includes(form)).map((form) => [form, name] as const),
    );
    const known = new Set(all.map(([form]) => form.toWellFormed()));
    const shown = new Map<string, string>();
    for (const name of forms.keys())
      shown.set(name, holdsOneOf(known, markerOf(name).toWellFormed()) ? ANONYMOUS : name);
    return all.map(([form, name]) => [form, shown.get(name) ?? ANONYMOUS] as const);
  }

  const compile = (pick: (form: string) => readonly string[], mostStep?: number): Matcher =>
    createMatcher(
      patterns().flatMap(([form, name]) =>
        pick(form).map((text): Pattern => ({ bytes: encodeUtf8(text), name })),
      ),
      mostStep,
    );

  function forget(): void {
    plain = undefined;
    inJson = undefined;
    searched = 0;
  }

  return {
    set(name, value) {
      if (Buffer.byteLength(value) > LIMITS.secretMaxBytes) {
        throw new TallyError('USAGE', `the value of ${name} is larger than ${LIMITS.secretMaxBytes} bytes`, {
          hint: 'a value that cannot be searched for cannot be kept out of the log; store it as a file instead',
        });
      }
      forget();
      const found = new Set(allForms(value));
      if (found.size === 0) forms.delete(name);
      else forms.set(name, [...found]);
      return found.size > 0;
    },
    delete(name) {
      forget();
      forms.delete(name);
    },
    plain: () => (plain ??= compile((form) => [form])),
    inJson() {
      searched++;
      // Who searches a handful of texts would wait longer for the tables that are fast than for the search.
      if (searched === FEW_TEXTS) inJson = undefined;
      inJson ??= compile((form) => [form, jsonEscape(form)], searched < FEW_TEXTS ? 1 : undefined);
      return inJson;
    },
  };
}

/** A UTF-16 unit has three bytes at most. */
const FEWEST_CHARS = Math.ceil(LIMITS.secretMinBytes / 3);

/** Whether any part of the text is one of them. Names are short and values many: so the parts are looked up. */
function holdsOneOf(known: ReadonlySet<string>, text: string): boolean {
  for (let from = 0; from + FEWEST_CHARS <= text.length; from++)
    for (let to = from + FEWEST_CHARS; to <= text.length; to++)
      if (known.has(text.slice(from, to))) return true;
  return false;
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
