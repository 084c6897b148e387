/**
 * How a request reached the broker, which says what it is a request for: addressed by control headers at /proxy, or
 * forwarded because a program uses us as its HTTP proxy (absolute-form, or inside a CONNECT whose TLS ends here).
 */
import type { IncomingMessage } from 'node:http';

export interface Forwarded {
  readonly scheme: 'http' | 'https';
  /** As the proxy request said it: of the absolute URL, or of the CONNECT. Not normalised. */
  readonly authority: string;
  /** Proxy-Authorization: of the request itself, or of the CONNECT around it. */
  readonly authorization: string | undefined;
  /** It came inside of a CONNECT that ends here, with TLS or without: its request line is a path. */
  readonly intercepted: boolean;
}

export type Arrival = { readonly kind: 'addressed' } | ({ readonly kind: 'forward' } & Forwarded);

const ADDRESSED: Arrival = { kind: 'addressed' };
const ABSOLUTE = /^(https?):\/\/([^/?#]*)/i;
const OWN = /^http:\/\/(?:127\.0\.0\.1|localhost):(\d{1,5})(\/proxy|\/health)$/i;

/**
 * `around`: the CONNECT that this request came inside of. A request for our own /proxy or /health that came by way of
 * the proxy is one to us: curl and wget know no ports in NO_PROXY, so a run cannot except the broker alone. Its `url` is
 * then what it would have been without the detour.
 */
export function arrivalOf(request: IncomingMessage, around: Forwarded | undefined): Arrival {
  if (around !== undefined) return { kind: 'forward', ...around };
  const [, port, path] = OWN.exec(request.url ?? '') ?? [];
  if (path !== undefined && Number(port) === request.socket.localPort) {
    request.url = path.toLowerCase();
    return ADDRESSED;
  }
  const [, scheme, authority] = ABSOLUTE.exec(request.url ?? '') ?? [];
  if (scheme === undefined || authority === undefined) return ADDRESSED;
  return {
    kind: 'forward',
    scheme: scheme.toLowerCase() === 'https' ? 'https' : 'http',
    authority,
    authorization: request.headers['proxy-authorization'],
    intercepted: false,
  };
}
