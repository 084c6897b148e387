/** Which requests at /proxy come from a web page (core/loopback.ts), told apart from a client that left Host as it was. */
import type { IncomingMessage } from 'node:http';
import { webRefusal } from '../../core/loopback.ts';

/**
 * As `webRefusal`, but Host may also be the host of X-AS-Target-URL: the interceptor of AgentSecrets turns a request of
 * httpx round to us and does not write its Host anew. A page cannot pass for that. Its browser came to our port, so its
 * Host ends in our port, or, when that is 80, in none; both are refused here, whatever the target is.
 */
export function pageRefusal(request: IncomingMessage, hosts: ReadonlySet<string>): string | undefined {
  const { headers, socket } = request;
  const [own] = hosts;
  if (hosts.has(headers.host?.toLowerCase() ?? '')) return webRefusal(headers, hosts);
  if (own === undefined || !namesItsTarget(headers, socket.localPort)) return webRefusal(headers, hosts);
  return webRefusal({ ...headers, host: own }, hosts);
}

function namesItsTarget(headers: IncomingMessage['headers'], ownPort: number | undefined): boolean {
  const { host, 'x-as-target-url': target } = headers;
  if (host === undefined || typeof target !== 'string' || ownPort === undefined || ownPort === 80)
    return false;
  const url = URL.parse(target);
  // `host` of a URL leaves out the port that goes without saying, as a Host header does.
  return url !== null && url.host !== '' && url.host === host.toLowerCase() && url.port !== String(ownPort);
}
