/**
 * What can be read of a call's arguments: for the facts of the policy, and to show a person what is asked. Texts that two
 * parsers may read differently (a member twice) have no facts: a rule that needs one then stops the call.
 */
import { decodeUtf8 } from '../../core/bytes.ts';
import { parseJson } from '../../core/parse.ts';
import type { BodyBefore } from './before.ts';
import type { ControlHeaders } from './headers.ts';

const FORM_TYPE = /^application\/x-www-form-urlencoded\s*(?:;|$)/i;
/** A string of JSON, and the colon that makes it a name. */
const STRING = /"[^"\\]*(?:\\[\s\S][^"\\]*)*"(\s*:)?/g;
/** Digits that a double may not hold. */
const LONG_NUMBER = /\d{16}/;

interface ParseContext {
  readonly source?: string;
}
const withSource = JSON as unknown as {
  parse(text: string, reviver: (key: string, value: unknown, context: ParseContext) => unknown): unknown;
};

function membersIn(value: unknown): number {
  let members = 0;
  const left: unknown[] = [value];
  for (let at = left.pop(); at !== undefined; at = left.pop()) {
    if (typeof at !== 'object' || at === null) continue;
    const inside = Object.values(at);
    if (!Array.isArray(at)) members += inside.length;
    for (const one of inside) if (typeof one === 'object' && one !== null) left.push(one);
  }
  return members;
}

function namesIn(text: string): number {
  let names = 0;
  for (const [, colon] of text.matchAll(STRING)) if (colon !== undefined) names++;
  return names;
}

function jsonOf(text: string): unknown {
  const value = parseJson(text);
  if (namesIn(text) !== membersIn(value)) return undefined;
  if (!LONG_NUMBER.test(text)) return value;
  // As it was written: a double has lost digits of it, and two amounts would look like one.
  return withSource.parse(text, (_key, item, { source }) =>
    typeof item === 'number' && Number.isInteger(item) && !Number.isSafeInteger(item) ? source : item,
  );
}

/** A field that comes twice is left out: nobody can say which of the two counts. */
function fieldsOf(text: string): Record<string, string> {
  const found = new Map<string, string | undefined>();
  for (const [name, value] of new URLSearchParams(text)) found.set(name, found.has(name) ? undefined : value);
  return Object.fromEntries([...found].filter((pair): pair is [string, string] => pair[1] !== undefined));
}

/** Undefined: there is no body, or none that can be read without doubt. Never throws. */
export function readArguments({ contentType = '' }: ControlHeaders, { whole }: BodyBefore): unknown {
  const text = whole === undefined || whole.length === 0 ? undefined : decodeUtf8(whole);
  if (text === undefined) return undefined;
  try {
    return FORM_TYPE.test(contentType) ? fieldsOf(text) : jsonOf(text);
  } catch {
    // Not JSON, or nested too deep: what it means is the upstream's to say.
    return undefined;
  }
}

/** For a person. Values of the query are shown, redacted, since they are what is approved. */
export function shownCall(control: ControlHeaders, before: BodyBefore, body: unknown): unknown {
  const { target, method } = control;
  const { args, whole } = before;
  return {
    method,
    url: target === undefined ? '' : `${target.origin}${target.path}`,
    ...(target === undefined || target.search === '' ? {} : { query: queryOf(target.search) }),
    ...(body !== undefined
      ? { body }
      : args.kind === 'whole' && whole !== undefined
        ? { body_bytes: whole.length, body_sha256: args.sha256 }
        : {}),
  };
}

function queryOf(search: string): Record<string, string | readonly string[]> {
  const found = new Map<string, string | string[]>();
  for (const [name, value] of new URLSearchParams(search)) {
    const before = found.get(name);
    found.set(
      name,
      before === undefined ? value : [...(typeof before === 'string' ? [before] : before), value],
    );
  }
  return Object.fromEntries(found);
}
