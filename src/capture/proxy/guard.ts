/**
 * Keeps web pages out. A page in a browser on this machine can send requests to 127.0.0.1, and with DNS rebinding it
 * can even read the answers, because its own name then resolves to us. Three things stop it: the Host header has to be
 * a loopback name with our port (a rebound page sends its own name), a request that says it comes from a page is
 * refused, and we never send a CORS header, so a preflight fails and with it every request that has control headers.
 */
import type { IncomingMessage } from 'node:http';

/** The names under which a server bound to 127.0.0.1 can be reached honestly (::1 through a tunnel). */
export function loopbackHosts(port: number): ReadonlySet<string> {
  const names = ['127.0.0.1', 'localhost', '[::1]'];
  return new Set([...names.map((name) => `${name}:${port}`), ...(port === 80 ? names : [])]);
}

/** Why the request is refused, for a person; undefined when it may go on. */
export function webRefusal(request: IncomingMessage, hosts: ReadonlySet<string>): string | undefined {
  const { host, origin } = request.headers;
  if (host === undefined || !hosts.has(host.toLowerCase()))
    return 'Host is not a loopback name with this port; call http://127.0.0.1 or http://localhost';
  if (origin !== undefined || request.headers['sec-fetch-site'] !== undefined)
    return 'requests from web pages are refused';
  return undefined;
}
