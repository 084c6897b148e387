/**
 * What can be read of a call's arguments: for the facts of the policy, and to show a person what is asked. Texts that two
 * parsers may read differently (a member twice) cannot be read: a rule that needs a fact then stops the call.
 */
import { decodeUtf8 } from '../../core/bytes.ts';
import { UNREADABLE } from '../../core/governance/facts.ts';
import { isExact, LONG_NUMBER, parseJson, saysTwice } from '../../core/parse.ts';
import type { BodyBefore } from './before.ts';
import type { ControlHeaders } from './headers.ts';

const FORM_TYPE = /^application\/x-www-form-urlencoded\s*(?:;|$)/i;

function jsonOf(text: string): unknown {
  const value = parseJson(text);
  if (saysTwice(text, value)) return UNREADABLE;
  // As it was written where it is not exact.
  return LONG_NUMBER.test(text) ? parseJson(text, (one, source) => (isExact(one) ? one : source)) : value;
}

/** A field that comes twice is a list, and so no fact: nobody can say which of the two counts. */
function fieldsOf(text: string): Record<string, string | readonly string[]> {
  const found = new Map<string, string | string[]>();
  for (const [name, value] of new URLSearchParams(text)) {
    const before = found.get(name);
    if (Array.isArray(before)) before.push(value);
    else found.set(name, before === undefined ? value : [before, value]);
  }
  return Object.fromEntries(found);
}

/** Undefined: there is no body. `UNREADABLE`: none that can be read without doubt. Never throws. */
export function readArguments({ contentType = '' }: ControlHeaders, { whole }: BodyBefore): unknown {
  if (whole === undefined || whole.length === 0) return undefined;
  const text = decodeUtf8(whole);
  if (text === undefined) return UNREADABLE;
  try {
    return FORM_TYPE.test(contentType) ? fieldsOf(text) : jsonOf(text);
  } catch {
    // Not JSON, or nested too deep: what it means is the upstream's to say.
    return UNREADABLE;
  }
}

/** For a person. Values of the query are shown, redacted, since they are what is approved. */
export function shownCall(control: ControlHeaders, before: BodyBefore, body: unknown): unknown {
  const { target, method } = control;
  const { args, whole } = before;
  return {
    method,
    url: target === undefined ? '' : `${target.origin}${target.path}`,
    ...(target === undefined || target.search === '' ? {} : { query: fieldsOf(target.search.slice(1)) }),
    ...(body !== undefined && body !== UNREADABLE
      ? { body }
      : args.kind === 'whole' && whole !== undefined
        ? { body_bytes: whole.length, body_sha256: args.sha256 }
        : {}),
  };
}
