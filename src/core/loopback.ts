/**
 * Keeps web pages away from a server on 127.0.0.1. A page in a browser on this machine can send requests there, and with
 * DNS rebinding it can even read the answers, because its own name then resolves to us. Three things stop it: the Host
 * header has to be a loopback name with our port (a rebound page sends its own name), a request that says it comes from
 * a page is refused, and no CORS header is ever sent, so a preflight fails and with it every request that needs one.
 */

/** The names under which a server bound to 127.0.0.1 can be reached honestly (::1 through a tunnel). */
export function loopbackHosts(port: number): ReadonlySet<string> {
  const names = ['127.0.0.1', 'localhost', '[::1]'];
  return new Set([...names.map((name) => `${name}:${port}`), ...(port === 80 ? names : [])]);
}

/** Header names in lower case. */
export type RequestHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

/** Why the request is refused, for a person; undefined when it may go on. */
export function webRefusal(headers: RequestHeaders, hosts: ReadonlySet<string>): string | undefined {
  const { host, origin } = headers;
  if (typeof host !== 'string' || !hosts.has(host.toLowerCase()))
    return 'Host is not a loopback name with this port; call http://127.0.0.1 or http://localhost';
  if (origin !== undefined || headers['sec-fetch-site'] !== undefined)
    return 'requests from web pages are refused';
  return undefined;
}
