/**
 * The head of a call: its control headers, and what of the caller's headers goes on to the upstream. A header-addressed
 * call says all of it here; of a forwarded one the target and the caller are known already (forward.ts).
 *
 * Strict: a header that is doubled, unknown or malformed refuses the call, because guessing what a caller meant is how
 * a credential ends up in the wrong place. Control headers never travel upstream, whatever their spelling.
 */
import type { InjectionStyle } from '../../core/entry.ts';
import { LIMITS } from '../../core/limits.ts';
import { shown } from '../../core/policy/hosts.ts';
import type { Claims } from '../../recorder/api.ts';
import { withoutMadeUp } from './made-up-token.ts';
import { REF } from './placeholder.ts';
import type { Spot } from './placeholder-find.ts';
import { parseTarget, type TargetUrl } from './target.ts';

export interface Injection {
  readonly style: Exclude<InjectionStyle, 'env_inject'>;
  readonly ref: string;
  /** Header name (lower case), query parameter, form field, or JSON path with "." between its members. */
  readonly name: string;
  /** It was named by placeholders, and goes exactly where they stand. */
  readonly spots?: readonly Spot[];
}

/** What a forwarded request says in its request line and in Proxy-Authorization. */
export interface ForwardedHead {
  /** TLS of the caller ended here. */
  readonly intercepted: boolean;
  readonly problem: string | undefined;
  readonly target: TargetUrl | undefined;
  readonly claims: Claims;
  /** What is wrong with this Host header, since the target is another one. */
  readonly hostProblem: (host: string) => string | undefined;
}

export interface ControlHeaders {
  /** The first thing that was wrong. The other members then hold what could be read, for the record. */
  readonly problem: string | undefined;
  readonly claims: Claims;
  readonly target: TargetUrl | undefined;
  readonly method: string;
  readonly injections: readonly Injection[];
  /** End-to-end headers for the upstream: name, value, name, value… as the caller wrote them. */
  readonly forward: readonly string[];
  readonly contentType: string | undefined;
  readonly contentLength: number | undefined;
  readonly chunked: boolean;
  /** The body has a content coding, so we cannot read it. */
  readonly encoded: boolean;
  /** Absent: the call is header-addressed. */
  readonly forwarded?: ForwardedHead;
}

const PREFIX = 'x-as-';
const INJECT = 'x-as-inject-';
/** Browsers write these, and the scripts of a page cannot. */
const FROM_A_PAGE = new Set(['origin', 'sec-fetch-site']);

/** RFC 9110 section 7.6.1, and what we write ourselves. */
const NOT_FORWARDED = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
  'expect',
  'host',
  'content-length',
  // Asked anew as identity: what is compressed cannot be scrubbed in passing.
  'accept-encoding',
]);

const PRINTABLE = /^[!-~](?:[ -~]*[!-~])?$/;
const METHOD = /^[A-Z]{1,20}$/;
/** CONNECT opens a tunnel, TRACE has the upstream send back every header. */
const REFUSED_METHODS = new Set(['CONNECT', 'TRACE']);
/**
 * Servers that read these do another method than the one in the request line, which is the one that was decided about:
 * a POST that the policy allows would be a DELETE that it does not.
 */
const METHOD_OVERRIDES = new Set(['x-http-method-override', 'x-http-method', 'x-method-override']);
const UNSAFE_SEGMENTS = new Set(['__proto__', 'constructor', 'prototype']);

/** Where the suffix of X-AS-Inject-… says that the credential goes, or what is wrong with it. */
function readPlace(suffix: string): Pick<Injection, 'style' | 'name'> | string {
  const lower = suffix.toLowerCase();
  if (lower === 'bearer' || lower === 'basic') return { style: lower, name: 'authorization' };
  const [, style, name = ''] = /^(header|query|body|form)-(.+)$/i.exec(suffix) ?? [];
  switch (style?.toLowerCase()) {
    case 'header': {
      const header = name.toLowerCase();
      const refused = NOT_FORWARDED.has(header) || METHOD_OVERRIDES.has(header);
      if (refused || header.startsWith(PREFIX) || header.startsWith('x-tally-'))
        return `a credential cannot be put into the header ${shown(name)}`;
      return { style: 'header', name: header };
    }
    case 'query':
      return { style: 'query', name };
    case 'form':
      return { style: 'form', name };
    case 'body': {
      const segments = name.split('-');
      if (segments.some((segment) => segment === '' || UNSAFE_SEGMENTS.has(segment)))
        return `the JSON path ${shown(name)} is malformed`;
      return { style: 'body', name: segments.join('.') };
    }
    default:
      return `the injection X-AS-Inject-${shown(suffix)} is not one of Bearer, Basic, Header-<Name>, Query-<param>, Body-<path>, Form-<field>`;
  }
}

/** Where an injection writes; two that write to one place, or one into another, contradict each other. */
function collide(a: Injection, b: Injection): boolean {
  const inHeader = (i: Injection): boolean =>
    i.style === 'bearer' || i.style === 'basic' || i.style === 'header';
  if (inHeader(a) && inHeader(b)) return a.name === b.name;
  // A body is JSON or a form, not both.
  if ((a.style === 'body' && b.style === 'form') || (a.style === 'form' && b.style === 'body')) return true;
  if (a.style !== b.style) return false;
  if (a.style === 'body')
    return `${a.name}.`.startsWith(`${b.name}.`) || `${b.name}.`.startsWith(`${a.name}.`);
  return a.name === b.name;
}

function connectionTokens(value: string): readonly string[] {
  return value
    .toLowerCase()
    .split(',')
    .map((token) => token.trim());
}

/**
 * `raw`: name, value, name, value… in order, as node:http gives them (control characters are already refused there).
 * `forwarded`: what the request itself said of its target, and who sent it.
 */
export function parseControl(
  raw: readonly string[],
  inboundMethod: string,
  forwarded?: ForwardedHead,
): ControlHeaders {
  let problem = forwarded?.problem;
  const bad = (text: string): void => {
    problem ??= text;
  };
  const seen = new Set<string>();
  const claims: { -readonly [K in keyof Claims]: Claims[K] } = { ...forwarded?.claims };
  const injections: Injection[] = [];
  const forward: string[] = [];
  let drop: readonly string[] = [];
  let target = forwarded?.target;
  let method = inboundMethod;
  let contentType: string | undefined;
  let contentLength: number | undefined;
  let chunked = false;
  let encoded = false;
  let hosts = 0;
  let fromPage = false;

  function control(name: string, lower: string, value: string): string | undefined {
    const inject = lower.startsWith(INJECT);
    // Parameter and field names are case-sensitive; everything else about a header name is not.
    const key =
      inject && /^(query|form|body)-/.test(lower.slice(INJECT.length)) ? name.slice(INJECT.length) : lower;
    if (seen.has(key)) return `${shown(name)} is given twice`;
    seen.add(key);
    if (inject) {
      const place = readPlace(name.slice(INJECT.length));
      if (typeof place === 'string') return place;
      if (value.length > LIMITS.idChars || !REF.test(value))
        return `the name of the credential ${shown(value)} is malformed`;
      const injection: Injection = { ...place, ref: value };
      if (injections.length === LIMITS.credentialsPerCall)
        return `one call carries at most ${LIMITS.credentialsPerCall} credentials`;
      if (injections.some((other) => collide(other, injection)))
        return `two credentials are to go to the same place: ${shown(name)}`;
      injections.push(injection);
      return undefined;
    }
    switch (lower) {
      case 'x-as-target-url': {
        if (forwarded !== undefined)
          return `${shown(name)} does not go with a request that has a target itself`;
        const parsed = parseTarget(value);
        if ('problem' in parsed) return parsed.problem;
        target = parsed;
        return undefined;
      }
      case 'x-as-method':
        if (forwarded !== undefined)
          return `${shown(name)} does not go with a request that has a method itself`;
        method = value.toUpperCase();
        return undefined;
      case 'x-as-agent-id':
        if (value.length > LIMITS.idChars || !PRINTABLE.test(value)) return 'X-AS-Agent-ID is malformed';
        claims.agent_id = value;
        return undefined;
      case 'x-as-agent-token':
        return claim('agent_token', name, value);
      case 'x-as-session-token':
        return claim('run_token', name, value);
      default:
        return `the control header ${shown(name)} is not known`;
    }
  }

  function claim(member: 'agent_token' | 'run_token', name: string, value: string): string | undefined {
    const before = claims[member];
    if (before !== undefined && before !== value)
      return `${shown(name)} and Proxy-Authorization present two different tokens`;
    claims[member] = value;
    return undefined;
  }

  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] as string;
    const value = raw[i + 1] as string;
    const lower = name.toLowerCase();
    if (lower.startsWith(PREFIX)) {
      problem ??= control(name, lower, value);
      continue;
    }
    switch (lower) {
      case 'connection':
        drop = [...drop, ...connectionTokens(value)];
        break;
      case 'content-length':
        contentLength = Number(value);
        break;
      case 'transfer-encoding':
        chunked = true;
        // Anything but plain chunked leaves it open where the body ends (RFC 9112 section 6.1).
        if (value.toLowerCase() !== 'chunked') bad('the transfer coding is not supported');
        break;
      case 'content-type':
        // We would read the body as the one, and the upstream as the other.
        if (contentType !== undefined) bad('Content-Type is given twice');
        contentType = value;
        break;
      case 'content-encoding':
        encoded = value.toLowerCase() !== 'identity';
        break;
      case 'host':
        if (++hosts > 1) bad('Host is given twice');
        else if (forwarded !== undefined) problem ??= forwarded.hostProblem(value);
        break;
    }
    fromPage ||= FROM_A_PAGE.has(lower);
    if (METHOD_OVERRIDES.has(lower))
      bad(
        `${shown(name)} would change the method after the decision; say the method ${forwarded === undefined ? 'with X-AS-Method' : 'in the request itself'}`,
      );
    // What is not scrubbed may be compressed as the caller likes.
    const asked = forwarded !== undefined && lower === 'accept-encoding';
    if (asked || !NOT_FORWARDED.has(lower)) forward.push(name, value);
  }

  if (!METHOD.test(method) || REFUSED_METHODS.has(method))
    bad(`the method ${shown(method)} cannot be called`);
  if (target === undefined) bad('X-AS-Target-URL header is required');
  if (fromPage && seen.size > 0) bad('control headers from a web page are refused');
  if (injections.length === 0 && forwarded === undefined)
    bad(
      'At least one X-AS-Inject-* header is required: a call without a credential takes the broker as its HTTP proxy (tally run)',
    );
  return {
    problem,
    claims: withoutMadeUp(claims),
    target,
    method: METHOD.test(method) ? method : 'INVALID',
    injections,
    forward: withoutNamed(forward, drop),
    contentType,
    contentLength,
    chunked,
    encoded,
    ...(forwarded === undefined ? {} : { forwarded }),
  };
}

/** Drops what the Connection header names: it is meant for us alone (RFC 9110 section 7.6.1). */
function withoutNamed(headers: readonly string[], names: readonly string[]): readonly string[] {
  if (names.every((name) => name === 'keep-alive' || name === 'close' || name === '')) return headers;
  const kept: string[] = [];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] as string;
    if (!names.includes(name.toLowerCase())) kept.push(name, headers[i + 1] as string);
  }
  return kept;
}
