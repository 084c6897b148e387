/** The head of an upstream's response, as it goes on to the caller. */
import type { ServerResponse } from 'node:http';
import type { HeaderScrub } from './scrub.ts';

/** RFC 9110 section 7.6.1, and what we write or vouch for ourselves. */
const NOT_PASSED = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'content-length',
  'content-encoding',
  // Would send the caller around us.
  'alt-svc',
]);
/** Of the body as the upstream coded it, which is not the body we send. */
const OF_THE_CODED_BODY = new Set(['content-digest', 'content-md5', 'digest', 'etag']);

/**
 * Ours alone: an upstream must not be able to claim that a response was scrubbed, or open us to web pages. What a browser
 * gets of a site that it looks at through us is the site's to open.
 */
function isOurs(lower: string, forwarded: boolean): boolean {
  if (lower.startsWith('x-as-') || lower.startsWith('x-tally-')) return true;
  return !forwarded && lower.startsWith('access-control-');
}

export interface ResponseHead {
  /** name, value, name, value… scrubbed; without length, coding and hop-by-hop headers. */
  readonly pairs: string[];
  readonly contentLength: string | undefined;
  readonly contentEncoding: string | undefined;
  /** The body has a transfer coding besides chunked: it was not asked for (TE), and nothing can be found in it. */
  readonly transferCoded: boolean;
  /** It says where its body ends; otherwise the end of the connection does. */
  readonly framed: boolean;
  /** As the upstream wrote it, scrubbed. */
  readonly location: string | undefined;
}

function namedByConnection(raw: readonly Buffer[]): ReadonlySet<string> {
  const named = new Set<string>();
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] as Buffer;
    if (name.length !== 10 || name.toString('latin1').toLowerCase() !== 'connection') continue;
    for (const token of (raw[i + 1] as Buffer).toString('latin1').split(','))
      named.add(token.trim().toLowerCase());
  }
  return named;
}

/** `raw`: name, value… as undici read them. */
export function responseHead(raw: readonly Buffer[], scrub: HeaderScrub, forwarded: boolean): ResponseHead {
  const clean = scrub(raw);
  const named = namedByConnection(raw);
  const pairs: string[] = [];
  let contentLength: string | undefined;
  let contentEncoding: string | undefined;
  let location: string | undefined;
  let transferCoded = false;
  let chunked = false;
  for (let i = 0; i + 1 < clean.length; i += 2) {
    const name = clean[i] as string;
    const value = clean[i + 1] as string;
    const lower = name.toLowerCase();
    if (lower === 'content-length') contentLength = value;
    else if (lower === 'content-encoding')
      contentEncoding = contentEncoding === undefined ? value : `${contentEncoding}, ${value}`;
    else if (lower === 'location') location = value;
    else if (lower === 'transfer-encoding') {
      chunked = true;
      transferCoded ||= value.trim().toLowerCase() !== 'chunked';
    }
    if (!NOT_PASSED.has(lower) && !named.has(lower) && !isOurs(lower, forwarded)) pairs.push(name, value);
  }
  const framed = chunked || contentLength !== undefined;
  return { pairs, contentLength, contentEncoding, transferCoded, framed, location };
}

/** Drops what speaks of the coded body once the body is sent decoded. */
export function withoutCodedBody(pairs: readonly string[]): string[] {
  const kept: string[] = [];
  for (let i = 0; i + 1 < pairs.length; i += 2) {
    const name = pairs[i] as string;
    if (!OF_THE_CODED_BODY.has(name.toLowerCase())) kept.push(name, pairs[i + 1] as string);
  }
  return kept;
}

/** RFC 9110 section 6.5.1: a trailer must not say how the message is framed, routed or handled. */
const NOT_A_TRAILER =
  /^(?:content-.*|transfer-encoding|trailer|te|host|connection|keep-alive|upgrade|authorization|www-authenticate|proxy-.*|set-cookie|cache-control|age|expires|location|retry-after|vary|access-control-.*|x-as-.*|x-tally-.*)$/i;

export function trailerPairs(raw: readonly Buffer[], scrub: HeaderScrub): [string, string][] {
  const clean = scrub(raw);
  const pairs: [string, string][] = [];
  for (let i = 0; i + 1 < clean.length; i += 2) {
    const name = clean[i] as string;
    if (!NOT_A_TRAILER.test(name)) pairs.push([name, clean[i + 1] as string]);
  }
  return pairs;
}

/** Passes an early hint on (RFC 8297): its links. One that node:http does not take is left out, as a hint may be. */
export function sendHints(response: ServerResponse, raw: readonly Buffer[], scrub: HeaderScrub): void {
  if (response.headersSent || response.req.httpVersionMinor === 0) return;
  const clean = scrub(raw);
  const link = clean
    .filter((_, i) => i % 2 === 1 && clean[i - 1]?.toLowerCase() === 'link')
    .flatMap((value) => value.split(/, *(?=<)/));
  if (link.length === 0) return;
  try {
    response.writeEarlyHints({ link });
  } catch {
    // Not a link as node:http reads them: the final response says what there is.
  }
}

/** undici hands the HTTP/1.1 parser's raw bytes through. */
export function buffersOf(raw: unknown): readonly Buffer[] {
  if (!Array.isArray(raw)) return [];
  // All of one kind, whichever it is.
  if (Buffer.isBuffer(raw[0])) return raw as Buffer[];
  return raw.map((part: unknown) => Buffer.from(String(part), 'latin1'));
}
