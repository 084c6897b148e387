/**
 * Where a call is to go. The attacker writes the URL and hopes that two parts of us read it differently, so it is
 * parsed once, here, strictly; everything later (decision, record, connection, Host header) uses these parts.
 */
import type { Target } from '../../core/entry.ts';
import { sha256Hex } from '../../core/hash.ts';
import { formatHostPort, normalizeHost, shown } from '../../core/policy/hosts.ts';

export interface TargetUrl {
  readonly scheme: 'http' | 'https';
  /** In the one form of core/policy/hosts.ts: odd notations of an address are already resolved. */
  readonly host: string;
  readonly port: number;
  /** Starts with "/". */
  readonly path: string;
  /** Empty, or starts with "?". */
  readonly search: string;
  /** "scheme://host[:port]". */
  readonly origin: string;
}

export interface BadTarget {
  readonly problem: string;
}

const DEFAULT_PORT = { http: 80, https: 443 } as const;
/** RFC 3986 has no other characters; `URL` would silently drop tabs and newlines and turn "\" into "/". */
const URL_CHARS = /^https?:\/\/(?![/?#])[!-[\]-~]+$/i;

/** `what`: how the caller said it. */
export function parseTarget(text: string, what = 'X-AS-Target-URL'): TargetUrl | BadTarget {
  const url = URL_CHARS.test(text) ? URL.parse(text) : null;
  if (url === null)
    return { problem: `${what} is no absolute http or https URL: ${shown(text.split(/[?#]/, 1)[0] ?? '')}` };
  if (url.username !== '' || url.password !== '')
    return {
      problem: `${what} has a user name or password in it; name a credential with X-AS-Inject-Basic`,
    };
  const named = normalizeHost(url.hostname);
  if ('problem' in named) return { problem: `${what}: ${named.problem}` };
  const scheme = url.protocol === 'https:' ? 'https' : 'http';
  const port = url.port === '' ? DEFAULT_PORT[scheme] : Number(url.port);
  const authority = formatHostPort(named.host, url.port === '' ? undefined : port);
  return {
    scheme,
    host: named.host,
    port,
    path: url.pathname,
    search: url.search,
    origin: `${scheme}://${authority}`,
  };
}

/** For the record and the decision: no query, only its hash. */
export function recordedTarget(url: TargetUrl, method: string): Target {
  return {
    scheme: url.scheme,
    host: url.host,
    port: url.port,
    path: url.path,
    method,
    ...(url.search === '' ? {} : { query_hash: sha256Hex(url.search.slice(1)) }),
  };
}

/** A URL for the record, without what its query may carry. */
export function withoutQuery(text: string, base: string): string {
  if (!URL.canParse(text, base)) return 'not a URL';
  const url = new URL(text, base);
  return `${url.protocol}//${url.host}${url.pathname}${url.search === '' ? '' : '?…'}`;
}
