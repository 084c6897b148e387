/**
 * Puts credentials where the caller asked for them. What is wrong with the request itself is found by `injectProblem`,
 * before anything is decided or recorded; what is wrong with a value shows only here. No message quotes a value.
 */
import { decodeUtf8 } from '../../core/bytes.ts';
import type { BodyKind } from './body.ts';
import type { ControlHeaders, Injection } from './headers.ts';
import { FIELD_VALUE, putPlaceholders } from './placeholder-put.ts';
import type { WireRequest } from './wire.ts';

export type Injected = { readonly request: WireRequest } | { readonly unusable: string };

export function wantsBody(injections: readonly Injection[]): 'json' | 'form' | undefined {
  for (const { style } of injections) {
    if (style === 'body') return 'json';
    if (style === 'form') return 'form';
  }
  return undefined;
}

type JsonRoot = { [key: string]: unknown };

function isObject(value: unknown): value is JsonRoot {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

interface ParseContext {
  readonly source?: string;
}
/** In every engine since 2024; not yet in the types of the ES2024 library. */
const JsonWithSource = JSON as unknown as {
  parse(text: string, reviver: (key: string, value: unknown, context: ParseContext) => unknown): unknown;
  rawJSON(text: string): unknown;
};

/** Keeps every number as it was written: an id beyond 2^53 must not change because a credential was put beside it. */
function parseJson(bytes: Uint8Array): unknown {
  const text = decodeUtf8(bytes);
  if (text === undefined) return undefined;
  try {
    return JsonWithSource.parse(text, (_key, value, { source }) =>
      typeof value === 'number' && source !== undefined && String(value) !== source
        ? JsonWithSource.rawJSON(source)
        : value,
    );
  } catch {
    return undefined;
  }
}

function objectOf(body: Uint8Array | undefined): JsonRoot | undefined {
  if (body === undefined || body.length === 0) return {};
  const parsed = parseJson(body);
  return isObject(parsed) ? parsed : undefined;
}

/** The member that holds the last segment of `path`, with missing objects on the way made; undefined when blocked. */
function holder(root: JsonRoot, path: readonly string[]): JsonRoot | undefined {
  let at = root;
  for (const segment of path.slice(0, -1)) {
    if (!Object.hasOwn(at, segment)) at[segment] = {};
    const next = at[segment];
    if (!isObject(next)) return undefined;
    at = next;
  }
  return at;
}

const JSON_TYPE = /^application\/(?:[!-~]+\+)?json\s*(?:;|$)/i;
const FORM_TYPE = /^application\/x-www-form-urlencoded\s*(?:;|$)/i;

/** What about the head of the request keeps these credentials from being put into its body. */
export function bodyRefusal(
  control: ControlHeaders,
  kind: BodyKind,
  limit: number,
): { readonly status: 400 | 413; readonly problem: string } | undefined {
  const wanted = wantsBody(control.injections);
  if (wanted === undefined || kind === 'none') return undefined;
  if (control.encoded) return { status: 400, problem: 'a credential cannot be put into a compressed body' };
  if (!(wanted === 'json' ? JSON_TYPE : FORM_TYPE).test(control.contentType ?? ''))
    return {
      status: 400,
      problem:
        wanted === 'json'
          ? 'X-AS-Inject-Body needs a JSON body; its content-type says otherwise'
          : 'X-AS-Inject-Form needs a body of type application/x-www-form-urlencoded',
    };
  return kind === 'streamed' ? { status: 413, problem: tooLarge(limit) } : undefined;
}

export function tooLarge(limit: number): string {
  return `a body that a credential is put into has at most ${limit} bytes`;
}

/** What about the body itself keeps these credentials from being put into it. */
export function injectProblem(
  injections: readonly Injection[],
  body: Uint8Array | undefined,
): string | undefined {
  const kind = wantsBody(injections);
  if (kind === 'form' && body !== undefined && decodeUtf8(body) === undefined)
    return 'the form body is not UTF-8';
  if (kind !== 'json') return undefined;
  const root = objectOf(body);
  if (root === undefined) return 'a credential can be put into a JSON object only, and the body is none';
  for (const { style, name } of injections)
    if (style === 'body' && holder(root, name.split('.')) === undefined)
      return `the JSON path ${name} leads through something that is no object`;
  return undefined;
}

/** Replaces every parameter of that name and leaves the others byte for byte as they were. */
function setParameter(raw: string, name: string, value: string): string {
  const others = raw.split('&').filter((pair) => pair !== '' && decodedName(pair) !== name);
  return [...others, `${encodeURIComponent(name)}=${encodeURIComponent(value)}`].join('&');
}

function decodedName(pair: string): string {
  const name = (pair.split('=', 1)[0] ?? '').replaceAll('+', ' ');
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

function withHeader(headers: readonly string[], name: string, value: string): readonly string[] {
  const kept: string[] = [];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const own = headers[i] as string;
    if (own.toLowerCase() !== name) kept.push(own, headers[i + 1] as string);
  }
  return [...kept, name, value];
}

function injectHeader(injection: Injection, value: Buffer): string | undefined {
  // Bytes that are no text would be echoed in forms that the scrubber does not know.
  if (decodeUtf8(value) === undefined) return undefined;
  if (injection.style === 'basic')
    return value.includes(0x3a) ? `Basic ${value.toString('base64')}` : undefined;
  const text = value.toString('latin1');
  if (!FIELD_VALUE.test(text)) return undefined;
  return injection.style === 'bearer' ? `Bearer ${text}` : text;
}

function unusable({ style, ref }: Pick<Injection, 'style' | 'ref'>): Injected {
  const why = style === 'basic' ? 'has to read user:password' : 'has characters that cannot stand there';
  return { unusable: `the value of '${ref}' cannot be used as ${style}: it ${why}` };
}

/**
 * Placeholders first: where they stand is known of the request as it came.
 *
 * `values` are by reference and stay the caller's. The strings made of them live as long as the request does: the
 * runtime offers no way to wipe them.
 */
export function inject(
  request: WireRequest,
  injections: readonly Injection[],
  values: ReadonlyMap<string, Buffer>,
): Injected {
  const spots = injections.flatMap((injection) => injection.spots ?? []);
  const put = putPlaceholders(request, spots, values);
  if ('unusable' in put) return unusable(put.unusable);
  let { path, headers, body } = put.request;
  let json: JsonRoot | undefined;
  let form: string | undefined;
  for (const injection of injections) {
    if (injection.spots !== undefined) continue;
    const value = values.get(injection.ref);
    if (value === undefined) return unusable(injection);
    const { style, name } = injection;
    if (style === 'bearer' || style === 'basic' || style === 'header') {
      const text = injectHeader(injection, value);
      if (text === undefined) return unusable(injection);
      headers = withHeader(headers, name, text);
      continue;
    }
    const text = decodeUtf8(value);
    if (text === undefined) return unusable(injection);
    if (style === 'query') {
      const [pathname = '', query = ''] = splitOnce(path, '?');
      path = `${pathname}?${setParameter(query, name, text)}`;
    } else if (style === 'form') {
      form = setParameter(form ?? body?.toString('utf8') ?? '', name, text);
    } else {
      json ??= objectOf(body);
      const segments = name.split('.');
      const target = json === undefined ? undefined : holder(json, segments);
      if (target === undefined) return unusable(injection);
      target[segments.at(-1) ?? ''] = text;
    }
  }
  if (form !== undefined) {
    body = Buffer.from(form);
    headers = ensureType(headers, 'application/x-www-form-urlencoded');
  } else if (json !== undefined) {
    body = Buffer.from(JSON.stringify(json));
    headers = ensureType(headers, 'application/json');
  }
  return { request: { path, headers, body } };
}

function splitOnce(text: string, mark: string): [string, string] {
  const at = text.indexOf(mark);
  return at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

function ensureType(headers: readonly string[], type: string): readonly string[] {
  for (let i = 0; i < headers.length; i += 2)
    if ((headers[i] as string).toLowerCase() === 'content-type') return headers;
  return [...headers, 'content-type', type];
}
