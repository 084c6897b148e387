/**
 * What a forwarded request says of itself: its target in the request line, the caller in Proxy-Authorization. The same
 * facts as those of a header-addressed call come out, so that everything after it is one.
 *
 * The attacker writes the request and hopes that we decide about one host and the upstream serves another: the target is
 * parsed once, as every target is, and a Host header that names another place is refused.
 */
import { formatHostPort, shown } from '../../core/policy/hosts.ts';
import type { Claims } from '../../recorder/api.ts';
import type { Forwarded } from './arrival.ts';
import { sameAuthority } from './authority.ts';
import { type ControlHeaders, parseControl } from './headers.ts';
import { proxyClaims } from './proxy-authorization.ts';
import { parseTarget, type TargetUrl } from './target.ts';

const WHAT = 'the request line';
const ABSOLUTE = /^https?:\/\//i;

function targetOf(
  { scheme, authority, intercepted }: Forwarded,
  url: string,
): TargetUrl | { problem: string } {
  if (url.includes('#')) return { problem: `${WHAT} has a fragment in it, which is for the program alone` };
  const around = intercepted ? parseTarget(`${scheme}://${authority}/`, 'CONNECT') : undefined;
  if (around !== undefined && 'problem' in around) return around;
  const absolute = ABSOLUTE.test(url);
  if (!absolute && (around === undefined || !url.startsWith('/')))
    return { problem: `${WHAT} has neither a path nor an absolute http or https URL: ${shown(url)}` };
  // Not resolved against the authority: "//elsewhere/" is a path here.
  const parsed = parseTarget(absolute ? url : `${scheme}://${authority}${url}`, WHAT);
  if ('problem' in parsed) return parsed;
  if (around !== undefined && parsed.origin !== around.origin)
    return { problem: `${WHAT} names ${parsed.origin} inside a connection to ${around.origin}` };
  // As it was written: the bytes of a query may be signed.
  const query = url.indexOf('?');
  return { ...parsed, search: query === -1 ? '' : url.slice(query) };
}

/** RFC 9112 section 3.2: Host is the authority. */
function hostProblem(target: TargetUrl | undefined, host: string): string | undefined {
  if (target === undefined) return undefined;
  const authority = formatHostPort(target.host, target.port);
  if (sameAuthority(target.scheme, host, authority)) return undefined;
  return `the Host header says ${shown(host)}, but the request is for ${authority}`;
}

/** What cannot be read was meant as a token all the same, and is none that is good. */
function claimsOf(authorization: string | undefined): Claims {
  return authorization === undefined ? {} : (proxyClaims(authorization) ?? { run_token: '' });
}

/** `url`: of the request line, in absolute form, or as a path inside of a connection whose TLS ends here. */
export function parseForward(
  arrival: Forwarded,
  raw: readonly string[],
  method: string,
  url: string,
): ControlHeaders {
  const parsed = targetOf(arrival, url);
  const target = 'problem' in parsed ? undefined : parsed;
  return parseControl(raw, method, {
    intercepted: arrival.intercepted,
    problem: 'problem' in parsed ? parsed.problem : undefined,
    target,
    claims: claimsOf(arrival.authorization),
    hostProblem: (host) => hostProblem(target, host),
  });
}
